import type { Clock } from '../../../data/clock.ts';
import { MallardError } from '../../../data/errors.ts';
import type { Project } from '../../../data/project.ts';
import type { Provider } from './provider.ts';

/** Where each provider's secret comes from. */
const needs = { file: undefined, sendgrid: 'SENDGRID_API_KEY', smtp: 'MALLARD_SMTP_URL' } as const;

/**
 * One provider by its name. Loaded only now: SendGrid's package and nodemailer take time that a server without need for
 * them should not spend.
 * @throws `configuration_missing` naming the variable that is not set
 */
export async function namedProvider(
  name: keyof typeof needs,
  {
    project,
    clock,
    env,
  }: { project: Project; clock: Clock; env: Readonly<Record<string, string | undefined>> },
): Promise<Provider> {
  const variable = needs[name];
  const secret = variable && env[variable];
  if (variable && !secret)
    throw new MallardError('configuration_missing', `The provider ${name} has no ${variable}.`, {
      fields: { provider: name, tried: [variable] },
      remedy: `Set ${variable}, or choose another provider in account.yaml.`,
    });
  if (name === 'smtp') return (await import('./smtp.ts')).smtpProvider({ url: secret ?? '', clock });
  if (name === 'file') return (await import('./file.ts')).fileProvider({ outbox: project.outbox, clock });
  const baseUrl = env['SENDGRID_BASE_URL'];
  const { sendgridProvider } = await import('./sendgrid.ts');
  return sendgridProvider({ apiKey: secret ?? '', ...(baseUrl ? { baseUrl } : {}) });
}

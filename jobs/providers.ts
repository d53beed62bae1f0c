import type { Clock } from '../data/clock.ts';
import type { Project } from '../data/project.ts';
import { fileProvider } from '../pipelines/delivery/providers/file.ts';
import type { Provider } from '../pipelines/delivery/providers/provider.ts';
import { smtpProvider } from '../pipelines/delivery/providers/smtp.ts';
import { sendgridProvider } from '../pipelines/delivery/providers/sendgrid.ts';

/** The providers that this environment has the secrets for; `file` needs none. */
export function configuredProviders(
  project: Project,
  clock: Clock,
  env: Readonly<Record<string, string | undefined>>,
): Provider[] {
  const apiKey = env['SENDGRID_API_KEY'];
  const smtpUrl = env['MALLARD_SMTP_URL'];
  const baseUrl = env['SENDGRID_BASE_URL'];
  return [
    fileProvider({ outbox: project.outbox, clock }),
    ...(smtpUrl ? [smtpProvider({ url: smtpUrl, clock })] : []),
    ...(apiKey ? [sendgridProvider({ apiKey, ...(baseUrl ? { baseUrl } : {}) })] : []),
  ];
}

import { MallardError } from '../../data/errors.ts';
import { templatesByArm } from '../delivery/run.ts';
import { templateCache } from '../templates/compile.ts';
import { commonVariables } from '../templates/variables.ts';
import type { CampaignDefinition } from './definition.ts';

const compile = templateCache();

/** The fields that a campaign's templates name, full: `contact_facts.first_name`. None of a template that does not compile. */
export async function fieldsOfTemplates(definition: CampaignDefinition): Promise<string[]> {
  const found = new Set<string>();
  for (const template of Object.values(templatesByArm(definition))) {
    for (const path of await variablesOf(template, definition.message_class)) {
      if (!commonVariables.includes(path)) found.add(`contact_facts.${path}`);
    }
  }
  return [...found];
}

async function variablesOf(...template: Parameters<typeof compile>): Promise<readonly string[]> {
  try {
    return (await compile(...template)).variables;
  } catch (error) {
    // A campaign is saved before its template is right; `campaigns plan` says what is wrong with it.
    if (error instanceof MallardError) return [];
    throw error;
  }
}

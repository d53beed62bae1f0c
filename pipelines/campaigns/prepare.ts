import { MallardError } from '../../data/errors.ts';
import type { Session } from '../../data/owner/session.ts';
import { templatesByArm, type DeliveryContext } from '../delivery/run.ts';
import { compileTemplate } from '../templates/compile.ts';
import type { CompiledTemplate } from '../templates/template.ts';
import { checkVariables, commonVariables } from '../templates/variables.ts';
import type { CampaignDefinition } from './definition.ts';
import { contactVariables, type ContactVariable } from './facts.ts';
import { ownFields, type OwnFields, type OwnFieldsEngine } from './own-fields.ts';

/**
 * What services of campaigns need. The marts are read as they are built; the engine is asked only where a template names a
 * field that is none of theirs but the project's own.
 */
export type CampaignContext = DeliveryContext & { readonly engine?: OwnFieldsEngine | undefined };

export interface PreparedCampaign {
  /** By arm; '' where there are none. */
  templates: Record<string, CompiledTemplate>;
  used: ContactVariable[];
  required: ContactVariable[];
  /** The SELECT of the project's own fields among them; undefined where there are none. */
  ownFieldsSql: string | undefined;
}

/**
 * Checks all that can be wrong with a campaign before contacts are looked at.
 * @throws `not_found` (segment), `template_invalid`, `conflict` (marts not built)
 */
export async function prepareCampaign(
  context: CampaignContext,
  definition: CampaignDefinition,
): Promise<PreparedCampaign> {
  const compiled = await Promise.all(
    Object.entries(templatesByArm(definition)).map(
      async ([arm, template]) => [arm, await compileTemplate(template, definition.message_class)] as const,
    ),
  );
  const ofMarts = await context.warehouse.read(async (session) => {
    await checkSegments(session, [...definition.segment_ids, ...definition.exclude_segment_ids]);
    return contactVariables(session);
  });
  const named = compiled.flatMap(([, template]) => template.variables);
  const own = await ownOnes(context, named, ofMarts);
  const available = [...ofMarts, ...(own?.variables ?? [])];
  const paths = available.map((variable) => variable.path);
  const wanted = (names: readonly string[]) => available.filter((variable) => names.includes(variable.path));
  for (const [, template] of compiled) checkVariables(template.variables, paths);
  return {
    templates: Object.fromEntries(compiled),
    used: wanted(named),
    ownFieldsSql: own?.sql,
    required: wanted(
      compiled.flatMap(([, template]) => template.required).filter((name) => !commonVariables.includes(name)),
    ),
  };
}

async function ownOnes(
  { engine, warehouse }: CampaignContext,
  named: readonly string[],
  ofMarts: readonly ContactVariable[],
): Promise<OwnFields | undefined> {
  const known = new Set([...ofMarts.map(({ path }) => path), ...commonVariables]);
  const others = named.filter((path) => !known.has(path));
  return engine === undefined || others.length === 0 ? undefined : ownFields({ engine, warehouse }, others);
}

async function checkSegments(session: Session, ids: readonly string[]): Promise<void> {
  const missing = await session.one<{ id: string }>(
    `select id from (select unnest(from_json($ids, '["VARCHAR"]')) as id)
     where id not in (select segment_id from ops.segments)
       and id not in (select segment_id from ops.segment_runs union select segment_id from ops.segment_memberships_open)`,
    { ids: JSON.stringify(ids) },
  );
  if (!missing) return;
  throw new MallardError('not_found', `There is no segment ${missing.id}.`, {
    fields: { segment_id: missing.id },
    remedy: 'List them with `mallard segments list`.',
  });
}

import { errorCodes, MallardError } from '../../../data/errors.ts';
import { checkCriteria, criteriaFaults, type CheckOptions } from '../../../models/criteria/faults.ts';
import { isStorable } from '../../../models/criteria/literal.ts';
import { nearestName } from '../../../models/criteria/nearest.ts';
import type { Catalogue } from '../../../models/engine/types.ts';
import { checkId, checkTitle, refuseTagged, type SegmentDefinition } from '../store.ts';

/** A definition from outside: a file's content with the id that its name gives. Nothing of it is trusted. */
export interface DefinitionInput {
  segment_id: string;
  [key: string]: unknown;
}

/** One thing that is wrong with one definition. */
export interface DefinitionFault {
  segment_id: string;
  code: MallardError['code'];
  /** One sentence and what would be right, without the code's general remedy. */
  message: string;
  /** Where: 'title', or the JSONPath in the criteria ('$.all[0].field'); null where it is the whole. */
  path: string | null;
  /** What the error carries for programs: field, operator, allowed, nearest. */
  detail: Record<string, unknown>;
}

export interface Checked {
  /** Those without a fault. */
  definitions: SegmentDefinition[];
  faults: DefinitionFault[];
}

const keys = ['segment_id', 'title', 'description', 'criteria'];

/**
 * Checks all definitions and answers every fault of each.
 * @param options what criteria may name: the catalogue as it stands, and the account's zone
 */
export function checkDefinitions(
  inputs: readonly DefinitionInput[],
  catalogue: Pick<Catalogue, 'segments'>,
  options: CheckOptions,
): Checked {
  const checked: Checked = { definitions: [], faults: [] };
  const seen = new Set<string>();
  for (const input of inputs) {
    const errors = [
      ...twice(seen, input.segment_id),
      ...outerFaults(input, catalogue),
      ...(input['criteria'] === undefined
        ? [badRequest('criteria is missing.', 'criteria')]
        : criteriaFaults(input['criteria'], options)),
    ];
    if (errors.length > 0) checked.faults.push(...errors.map((error) => faultOf(input.segment_id, error)));
    else {
      checked.definitions.push({
        segment_id: input.segment_id,
        title: input['title'] as string,
        description: (input['description'] ?? null) as string | null,
        criteria: checkCriteria(input['criteria'], options),
      });
    }
  }
  return checked;
}

export function faultOf(segmentId: string, error: MallardError): DefinitionFault {
  const place = error.fields[error.code === 'criteria_invalid' ? 'path' : 'field'];
  // The general remedy of a code would be said again with each fault.
  const isGeneral = error.remedy === errorCodes[error.code].remedy;
  return {
    segment_id: segmentId,
    code: error.code,
    message: isGeneral ? error.message.slice(0, -error.remedy.length - 1) : error.message,
    path: typeof place === 'string' ? place : null,
    detail: error.fields,
  };
}

/** One error that tells all faults; its code is theirs where they agree. `fields.faults` has each. */
export function faultsError(faults: readonly DefinitionFault[]): MallardError {
  const [first] = faults;
  const code = first && faults.every((fault) => fault.code === first.code) ? first.code : 'bad_request';
  const told = faults.slice(0, 5).map(({ segment_id: id, message }) => `${id}: ${message}`);
  const more = faults.length > told.length ? ` And ${faults.length - told.length} more.` : '';
  return new MallardError(code, `${told.join(' ')}${more}`, {
    fields: { faults },
    remedy: 'Nothing was changed: correct all of it and try again.',
  });
}

function twice(seen: Set<string>, id: string): MallardError[] {
  if (seen.has(id)) return [badRequest(`${id} is defined twice.`, 'segment_id')];
  seen.add(id);
  return [];
}

/** Of all but the criteria. */
function outerFaults(input: DefinitionInput, catalogue: Pick<Catalogue, 'segments'>): MallardError[] {
  const { segment_id: id, title, description } = input;
  const unknown = Object.keys(input).filter((key) => !keys.includes(key));
  return [
    ...errorsOf(() => checkId(id)),
    ...errorsOf(() => refuseTagged(catalogue, id)),
    ...unknown.map((key) => {
      const nearest = nearestName(key, keys);
      const hint = nearest === undefined ? '' : ` Did you mean '${nearest}'?`;
      return badRequest(`'${key}' has no meaning here.${hint} Allowed: ${keys.join(', ')}.`, key);
    }),
    ...(typeof title === 'string' && isStorable(title)
      ? errorsOf(() => checkTitle(title))
      : [badRequest(title === undefined ? 'title is missing.' : 'title is text.', 'title')]),
    ...(description === undefined ||
    description === null ||
    (typeof description === 'string' && isStorable(description))
      ? []
      : [badRequest('description is text.', 'description')]),
  ];
}

function errorsOf(check: () => void): MallardError[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof MallardError) return [error];
    throw error;
  }
}

function badRequest(what: string, field: string): MallardError {
  return new MallardError('bad_request', what, { fields: { field } });
}

import { tablesRead, type Load, type SystemMapping } from './mapping.ts';

/** A system's mapping as Markdown: which of its fields becomes which of ours. The page of the system holds it, kept equal by a test. */
export function documentMapping(mapping: SystemMapping): string {
  return [
    ...mapping.loads.map((load) => loadSection(load)),
    mergeSection(mapping),
    readSection(mapping),
    keptSection(mapping),
  ].join('\n\n');
}

function loadSection(load: Load): string {
  const lines = [`### \`${load.from}\` → \`${load.target}\``];
  const conditions = [
    ...(load.requires?.length ? [`Where it has ${names(load.requires)}.`] : []),
    ...(load.unless?.length ? [`Where there is no ${names(load.unless)}.`] : []),
  ];
  if (conditions.length > 0) lines.push(conditions.join(' '));
  if (load.note) lines.push(`${capital(load.note)}.`);
  const fields = Object.entries(load.fields ?? {}).map(([ours, value]) => [
    `\`${ours}\``,
    names(value.reads.map((read) => column(load, read))),
    value.note ?? '',
  ]);
  if (load.attributesWithout !== undefined) {
    const prefix = load.attributesWithout === '' ? '' : `, without \`${load.attributesWithout}\``;
    fields.push(['`attributes`', 'every other column', `by its name${prefix}`]);
  }
  if (fields.length > 0) lines.push(table(['ours', 'theirs', 'how'], fields));
  if (load.skips?.length)
    lines.push(
      `Makes nothing, and is kept in \`raw\`: ${load.skips.map(({ reason }) => reason).join('; ')}.`,
    );
  return lines.join('\n\n');
}

/** `contact.contact_id` of a join is `deal_contact.contact_id`. */
function column(load: Load, name: string): string {
  const [alias, ownName] = name.split('.');
  const join = load.joins?.find((one) => one.as === alias);
  return join && ownName !== undefined ? `${join.table}.${ownName}` : name;
}

function mergeSection({ merges }: SystemMapping): string {
  const rows = merges.map(({ from, rule, note }) => [`\`${rule}\``, `\`${from}\``, note]);
  return `### Merges of contacts\n\n${table(['rule', 'from', 'what it says'], rows)}`;
}

function readSection(mapping: SystemMapping): string {
  return `### Tables that are read\n\n${names([...tablesRead(mapping).keys()].sort())}.`;
}

function keptSection({ keptRaw }: SystemMapping): string {
  const rows = Object.entries(keptRaw).map(([name, why]) => [`\`${name}\``, why]);
  return `### Tables that are kept as they are\n\n${table(['table', 'why'], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function names(list: readonly string[]): string {
  return list.map((name) => `\`${name}\``).join(', ');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The default windows, in days. A window ends at AS_OF and begins at the start of the day so many days before. */
export const windowDays = [7, 30, 90, 365] as const;

/** Events that are aggregated to one row per contact, and what of them. */
export interface EventSubject {
  /** The struct column of `contact_facts`: `email.last_30_days.clicks`. */
  name: string;
  /** The base source, and its file under models/base. */
  source: string;
  /** The column that says when. */
  time: string;
  /** Measures of the base source that get one column per window. */
  windowed: readonly string[];
  /** Measures of the base source over all time; contact_facts names its own fields after them. */
  overall: readonly string[];
}

export const eventSubjects: readonly EventSubject[] = [
  {
    name: 'email',
    source: 'email_events',
    time: 'occurred_at',
    windowed: ['sent', 'delivered', 'opens', 'clicks', 'replies'],
    overall: [
      'last_sent_at',
      'last_opened_at',
      'last_clicked_at',
      'last_hard_bounced_at',
      'last_unsubscribed_at',
    ],
  },
  {
    name: 'web',
    source: 'web_events',
    time: 'occurred_at',
    windowed: ['page_views'],
    overall: ['first_seen_at', 'last_seen_at'],
  },
  {
    name: 'orders',
    source: 'orders',
    time: 'ordered_at',
    windowed: ['order_count', 'revenue'],
    overall: ['order_count', 'revenue', 'first_ordered_at', 'last_ordered_at'],
  },
  {
    name: 'activities',
    source: 'activities',
    time: 'occurred_at',
    windowed: ['activity_count', 'calls', 'meetings'],
    overall: ['last_activity_at', 'last_conversation_at'],
  },
];

/** A window's struct: `last_30_days`. */
export function windowName(days: number): string {
  return `last_${days}_days`;
}

const warning =
  '// Generated from models/engine/windows.ts by `npx tsx models/engine/generate.ts`: change the list there.';

/** The generated files: path relative to models/ -> text. A test keeps the committed ones equal. */
export function generatedFiles(): Map<string, string> {
  const files = new Map(
    eventSubjects.map(
      (subject) => [`intermediate/${aggregate(subject)}.malloy`, aggregateFile(subject)] as const,
    ),
  );
  files.set('intermediate/contact_windows.malloy', windowsFile());
  return files;
}

function aggregate(subject: EventSubject): string {
  return `int_${subject.source}_aggregated_to_contact`;
}

function aggregateFile(subject: EventSubject): string {
  const windows = windowDays.flatMap((days) =>
    subject.windowed.map(
      (measure) => `    ${measure}_${days} is ${measure} { where: ${subject.time} >= $TODAY - ${days} days }`,
    ),
  );
  return `##! experimental.givens
${warning}
import '../clock.malloy'
import '../base/${subject.source}.malloy'

// Grain: one row per contact with any row in ${subject.source}. Aggregated before joining, so nothing fans out.
source: ${aggregate(subject)} is ${subject.source} -> {
  where: contact_id is not null
  group_by: contact_id
  aggregate:
${[...subject.overall.map((measure) => `    ${measure}`), ...windows].join('\n')}
} extend {
  primary_key: contact_id
}
`;
}

function windowsFile(): string {
  const imports = eventSubjects.map((subject) => `import '${aggregate(subject)}.malloy'`);
  const joins = eventSubjects.map(
    (subject) =>
      `    ${subject.name}_events is ${aggregate(subject)} on contact_id = ${subject.name}_events.contact_id`,
  );
  const structs = eventSubjects.map((subject) => {
    const windows = windowDays.map((days) => {
      const fields = subject.windowed.map(
        (measure) => `${measure} is ${subject.name}_events.${measure}_${days} ?? 0`,
      );
      return `      ${windowName(days)} is { ${fields.join(', ')} }`;
    });
    return `    ${subject.name} is {\n${windows.join(',\n')}\n    }`;
  });
  return `##! experimental { givens access_modifiers }
${warning}
import '../clock.malloy'
import '../base/contacts.malloy'
${imports.join('\n')}

// Grain: one row per contact, those without any event too. Key: contact_id.
source: contact_windows is contacts_core extend {
  except: attributes

  internal join_one:
${joins.join('\n')}

  dimension:
${structs.join('\n')}
}
`;
}

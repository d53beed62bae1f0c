/** The default windows, in days. A window ends at AS_OF and begins at the start of the day so many days before. */
export const windowDays = [7, 30, 90, 365] as const;

/** Things that have windows: one row per thing in `<thing>_facts`. */
export type WindowedThing = 'contact' | 'company' | 'owner';

/** Events that are aggregated to one row per thing, and what of them. */
export interface EventSubject {
  /** The struct column of the facts: `email.last_30_days.clicks`. */
  name: string;
  /** The source, and the folder of its file under models/. */
  source: string;
  folder: 'base' | 'marts';
  /** The column that says when. */
  time: string;
  /** The things it is aggregated to by their ids. Companies have their contacts' windows besides. */
  things: readonly WindowedThing[];
  /** Measures of the source that get one column per window. */
  windowed: readonly string[];
  /** Measures of the source over all time; the facts name their own fields after them. */
  overall: readonly string[];
}

export const eventSubjects: readonly EventSubject[] = [
  {
    name: 'email',
    source: 'email_events',
    folder: 'base',
    time: 'occurred_at',
    things: ['contact'],
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
    folder: 'base',
    time: 'occurred_at',
    things: ['contact'],
    windowed: ['page_views'],
    overall: ['first_seen_at', 'last_seen_at'],
  },
  {
    name: 'orders',
    source: 'orders',
    folder: 'base',
    time: 'ordered_at',
    things: ['contact'],
    windowed: ['order_count', 'revenue'],
    overall: ['order_count', 'revenue', 'first_ordered_at', 'last_ordered_at'],
  },
  {
    name: 'activities',
    source: 'activities',
    folder: 'base',
    time: 'occurred_at',
    things: ['contact', 'owner'],
    windowed: ['activity_count', 'calls', 'meetings'],
    overall: ['last_activity_at', 'last_conversation_at'],
  },
  {
    name: 'deals',
    source: 'deal_facts',
    folder: 'marts',
    time: 'closed_at',
    things: ['company', 'owner'],
    windowed: ['deals_won', 'deals_lost', 'won_amount'],
    overall: [
      'open_deals',
      'open_amount',
      'weighted_open_amount',
      'deals_won',
      'deals_lost',
      'won_amount',
      'last_won_at',
    ],
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
    eventSubjects.flatMap((subject) =>
      subject.things.map(
        (thing) =>
          [`intermediate/${aggregate(subject, thing)}.malloy`, aggregateFile(subject, thing)] as const,
      ),
    ),
  );
  files.set('intermediate/int_contact_facts_aggregated_to_company.malloy', companyFile());
  files.set('intermediate/contact_windows.malloy', windowsFile('contact'));
  files.set('intermediate/company_windows.malloy', windowsFile('company'));
  files.set('intermediate/owner_windows.malloy', windowsFile('owner'));
  return files;
}

function subjectsOf(thing: WindowedThing): EventSubject[] {
  return eventSubjects.filter((subject) => subject.things.includes(thing));
}

function aggregate(subject: EventSubject, thing: WindowedThing): string {
  return `int_${subject.source}_aggregated_to_${thing}`;
}

function aggregateFile(subject: EventSubject, thing: WindowedThing): string {
  const windows = windowDays.flatMap((days) =>
    subject.windowed.map(
      (measure) => `    ${measure}_${days} is ${measure} { where: ${subject.time} >= $TODAY - ${days} days }`,
    ),
  );
  return `##! experimental.givens
${warning}
import '../clock.malloy'
import '../${subject.folder}/${subject.source}.malloy'

// Grain: one row per ${thing} with any row in ${subject.source}. Aggregated before joining, so nothing fans out.
source: ${aggregate(subject, thing)} is ${subject.source} -> {
  where: ${thing}_id is not null
  group_by: ${thing}_id
  aggregate:
${[...subject.overall.map((measure) => `    ${measure}`), ...windows].join('\n')}
} extend {
  primary_key: ${thing}_id
}
`;
}

/** Contacts' windows added up by company: the events are not read again. */
function companyFile(): string {
  const sums = subjectsOf('contact').flatMap((subject) =>
    windowDays.flatMap((days) =>
      subject.windowed.map(
        (measure) =>
          `    ${subject.name}_${measure}_${days} is ${subject.name}.${windowName(days)}.${measure}.sum()`,
      ),
    ),
  );
  return `##! experimental.givens
${warning}
import '../clock.malloy'
import '../marts/contact_facts.malloy'

// Grain: one row per company with any contact: what its contacts did, added up.
source: int_contact_facts_aggregated_to_company is contact_facts -> {
  where: company_id is not null
  group_by: company_id
  aggregate:
    contact_count
    mailable_count
    customer_count
    revenue
    order_count is order_count.sum()
    first_ordered_at is first_ordered_at.min()
    last_ordered_at is last_ordered_at.max()
    last_email_opened_at is last_email_opened_at.max()
    last_email_clicked_at is last_email_clicked_at.max()
    last_web_visit_at is last_web_visit_at.max()
    last_activity_at is last_activity_at.max()
${sums.join('\n')}
} extend {
  primary_key: company_id
}
`;
}

const windowed: Record<WindowedThing, { source: string; file: string; except?: string; what: string }> = {
  contact: {
    source: 'contacts_core',
    file: 'contacts',
    except: 'attributes',
    what: 'contact, those without any event too',
  },
  company: { source: 'companies', file: 'companies', what: 'company, those without any contact or deal too' },
  owner: { source: 'owners', file: 'owners', what: 'owner, those without any deal or activity too' },
};

function windowsFile(thing: WindowedThing): string {
  const { source, file, except, what } = windowed[thing];
  const own = subjectsOf(thing);
  const ofContacts = thing === 'company' ? subjectsOf('contact') : [];
  const imports = own.map((subject) => aggregate(subject, thing));
  const joins = own.map(
    (subject) =>
      `    ${subject.name}_events is ${aggregate(subject, thing)} on ${thing}_id = ${subject.name}_events.${thing}_id`,
  );
  if (ofContacts.length > 0) {
    imports.push('int_contact_facts_aggregated_to_company');
    joins.push(
      '    contact_totals is int_contact_facts_aggregated_to_company on company_id = contact_totals.company_id',
    );
  }
  const struct = (subject: EventSubject, column: (measure: string, days: number) => string) => {
    const windows = windowDays.map((days) => {
      const fields = subject.windowed.map((measure) => `${measure} is ${column(measure, days)} ?? 0`);
      return `      ${windowName(days)} is { ${fields.join(', ')} }`;
    });
    return `    ${subject.name} is {\n${windows.join(',\n')}\n    }`;
  };
  const structs = [
    ...own.map((subject) => struct(subject, (measure, days) => `${subject.name}_events.${measure}_${days}`)),
    ...ofContacts.map((subject) =>
      struct(subject, (measure, days) => `contact_totals.${subject.name}_${measure}_${days}`),
    ),
  ];
  return `##! experimental { givens access_modifiers }
${warning}
import '../clock.malloy'
import '../base/${file}.malloy'
${imports.map((name) => `import '${name}.malloy'`).join('\n')}

// Grain: one row per ${what}. Key: ${thing}_id.
source: ${thing}_windows is ${source} extend {${except === undefined ? '' : `\n  except: ${except}\n`}
  internal join_one:
${joins.join('\n')}

  dimension:
${structs.join('\n')}
}
`;
}

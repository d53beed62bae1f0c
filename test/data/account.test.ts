import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readAccount } from '../../data/account.ts';
import { Project } from '../../data/project.ts';
import { tempFolder } from '../support.ts';

function accountOf(text: string) {
  const project = new Project(tempFolder());
  writeFileSync(project.accountFile, text);
  return readAccount(project);
}

test('what is left out has its default; what is there is kept', () => {
  expect(accountOf('')).toMatchObject({
    time_zone: 'UTC',
    consent: { marketing: 'needed', link_valid_days: 7 },
  });
  expect(accountOf('time_zone: Pacific/Auckland\nconsent:\n  double_opt_in: true\n')).toMatchObject({
    time_zone: 'Pacific/Auckland',
    consent: { double_opt_in: true, marketing: 'needed' },
  });
});

test.each([
  [
    'time_zone: Mars/Phobos\n',
    /account\.yaml: \/time_zone: Mars\/Phobos is no time zone\. Name it as IANA does/,
  ],
  ['name: [unclosed\n', /account\.yaml is not YAML: /],
  ['nmae: Typo\n', /account\.yaml: \/nmae is no setting of an account\./],
  ['erasure_compaction_days: soon\n', /account\.yaml: \/erasure_compaction_days /],
  [
    'freshness:\n  - {table: orders, warn_after_hours: 0}\n',
    /account\.yaml: \/freshness\/0\/warn_after_hours /,
  ],
  ['publish:\n  cron: at night\n', /account\.yaml: \/publish\/cron: 'at night' is no cron expression/],
  ['consent:\n  topics:\n    - {id: a, title: A}\n    - {id: a, title: B}\n', /two topics called a/],
])('%j is refused with the place', (text, message) => {
  expect(() => accountOf(text)).toThrow(message);
});

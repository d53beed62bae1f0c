import { addressKeySql } from '../../../data/address.ts';
import { stillStandsSql } from '../../consent/suppressions.ts';
import { text, timestamp, type Contract } from './contract.ts';

/**
 * Addresses never to write to, as the old system lists them: mostly one column of e-mails. Only the hash of an address is
 * kept, so that a person can be forgotten and stays suppressed. The ledger lane appends to this table too: append only.
 */
export const suppressions: Contract = {
  table: 'suppressions',
  target: 'ops.suppressions',
  kind: 'log',
  key: ['address_key', 'channel', 'scope', 'reason'],
  // Who took an unsubscribe back and says it again must be heard. A file without times cannot tell, and changes nothing.
  sameIf: { columns: ['suppressed_at'], sql: stillStandsSql },
  policy: 'freeze',
  oneOf: ['email', 'address_key'],
  columns: [
    text('email', {
      isInputOnly: true,
      pattern: { matches: '[^@\\s]+@[^@\\s]+', reason: 'not an e-mail address' },
    }),
    text('address_key', {
      letterCase: 'lower',
      pattern: { matches: '[0-9a-f]{64}', reason: 'not a SHA-256 in hexadecimal' },
      derivedFrom: { column: 'email', sql: addressKeySql, elseRead: true },
    }),
    text('channel', { default: `'email'`, letterCase: 'lower' }),
    text('scope', { default: `'global'` }),
    text('reason', {
      default: `'imported'`,
      accepted: ['unsubscribed', 'bounced', 'complained', 'manual', 'imported'],
      aliases: {
        unsubscribe: 'unsubscribed',
        bounce: 'bounced',
        hardbounce: 'bounced',
        'hard bounce': 'bounced',
        cleaned: 'bounced',
        spamreport: 'complained',
        complaint: 'complained',
        spam: 'complained',
      },
    }),
    text('detail'),
    timestamp('suppressed_at', { default: '$now' }),
    text('actor'),
  ],
};

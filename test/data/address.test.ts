import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressKey, addressKeySql, emailKey, emailKeySql } from '../../data/address.ts';
import type { Warehouse } from '../../data/owner/warehouse.ts';
import { openTestWarehouse } from '../support.ts';

async function sqlKeys(
  warehouse: Warehouse,
  emails: readonly string[],
): Promise<{ key: string; hash: string }[]> {
  return warehouse.read((session) =>
    session.rows(
      `select ${emailKeySql('email')} as key, ${addressKeySql('email')} as hash
       from (select unnest(from_json($emails, '["VARCHAR"]')) as email)`,
      { emails: JSON.stringify(emails) },
    ),
  );
}

/** Text of these characters. */
function of(characters: string, minLength = 0): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(characters)), minLength });
}

describe('emailKey', () => {
  test.each([
    ['plain', 'ann@example.com', 'ann@example.com'],
    ['upper case', 'Ann.Example@EXAMPLE.COM', 'ann.example@example.com'],
    ['white space', ' \tann@example.com\r\n', 'ann@example.com'],
    ['a no-break space', '\u00a0ann@example.com\ufeff', 'ann@example.com'],
    ['trailing dots', 'ann@example.com..', 'ann@example.com'],
    ['a plus tag is another address', 'ann+News@example.com', 'ann+news@example.com'],
    ['dots in the local part', 'a.n.n@gmail.com', 'a.n.n@gmail.com'],
    ['an international domain', 'Info@BÜCHER.de', 'info@xn--bcher-kva.de'],
    ['the same in punycode', 'info@XN--BCHER-KVA.de', 'info@xn--bcher-kva.de'],
    ['the same decomposed', 'info@bu\u0308cher.de', 'info@xn--bcher-kva.de'],
    ['an ideographic full stop', 'info@例え。jp。', 'info@xn--r8jz45g.jp'],
    ['a local part in other letters', 'JOSÉ@example.com', 'josé@example.com'],
    ['the same decomposed', 'jose\u0301@example.com', 'josé@example.com'],
    ['a capital I with a dot', 'İ@example.com', 'i̇@example.com'],
    ['quotes that are not needed', '"Ann"@example.com', 'ann@example.com'],
    ['quotes that are needed', '"Ann Example"@example.com', '"ann example"@example.com'],
    ['an @ in quotes', '"a@b"@example.com', '"a@b"@example.com'],
    ['needless escapes', '"\\a\\"b"@example.com', '"a\\"b"@example.com'],
    ['two dots need quotes', '"a..b"@example.com', '"a..b"@example.com'],
    ['a comment stays', 'ann(work)@example.com', 'ann(work)@example.com'],
    ['a literal domain stays', 'ann@[127.0.0.1]', 'ann@[127.0.0.1]'],
    ['a domain that IDNA refuses stays', 'ann@Ü ü', 'ann@ü ü'],
    ['no address at all', ' Ann ', 'ann'],
    ['nothing', '', ''],
  ])('%s: %j -> %j', async (_name, email, key) => {
    expect(emailKey(email)).toBe(key);
  });

  test('the SQL twin makes the same key of every text, and a key of a key is itself', async () => {
    const { warehouse } = await openTestWarehouse();
    const ascii = of('aZ9."@\\+ \t\n\r\f\v,()[]<>-_\u0000\u007f');
    const any = fc.string({ unit: 'grapheme' });
    const odd = of('aÜß.İσΣς"@。\u00a0\u0308\ufeff１é例 ');
    const email = fc
      .tuple(fc.oneof(ascii, odd, any), fc.oneof(ascii, odd, any))
      .map((parts) => parts.join('@'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(email, ascii, odd, any), { minLength: 1, maxLength: 50 }),
        async (emails) => {
          // JSON carries NUL differently than a file would.
          const clean = emails.map((text) => text.replaceAll('\u0000', ''));
          const rows = await sqlKeys(warehouse, clean);
          expect(rows).toEqual(clean.map((text) => ({ key: emailKey(text), hash: addressKey(text) })));
          for (const { key } of rows) expect(emailKey(key)).toBe(key);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('keys of plain ASCII addresses are what they have always been', () => {
    const part = of('abzAZ019+-_', 1);
    fc.assert(
      fc.property(part, part, (local, domain) => {
        const email = `  ${local}@${domain}.com `;
        expect(emailKey(email)).toBe(email.trim().toLowerCase());
      }),
    );
  });
});

import { getCountries, parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js';

/**
 * A phone number as it identifies: E.164 (`+4930123456`), or undefined where none can be made: no country is known for a
 * number without one, its length is none of that country's, or it has an extension (a desk behind a number that others share).
 * Whether the number is assigned is not asked. The quick SQL twin for most numbers is `quickPhoneKeySql`.
 * @param country ISO 3166 alpha-2, for numbers that name none
 */
export function phoneKey(text: string, country: string | undefined): string | undefined {
  const parsed = parsePhoneNumberFromString(text, {
    ...(country === undefined ? {} : { defaultCountry: country as CountryCode }),
    extract: false,
  });
  return parsed && parsed.ext === undefined && parsed.isPossible() ? parsed.number : undefined;
}

/** How people write some countries beside the code and CLDR's English name. */
const otherNames: Readonly<Record<string, string>> = {
  usa: 'US',
  'united states of america': 'US',
  'u.s.': 'US',
  'u.s.a.': 'US',
  uk: 'GB',
  'great britain': 'GB',
  england: 'GB',
  scotland: 'GB',
  wales: 'GB',
  holland: 'NL',
  'the netherlands': 'NL',
  'czech republic': 'CZ',
  turkey: 'TR',
  'republic of korea': 'KR',
  'korea, republic of': 'KR',
  'russian federation': 'RU',
};

let regions: Map<string, string> | undefined;

/** `Germany`, `de` or `DE` as `DE`; undefined for what names no country. */
export function regionOf(country: string): string | undefined {
  if (!regions) {
    const names = new Intl.DisplayNames('en', { type: 'region' });
    regions = new Map(Object.entries(otherNames));
    for (const code of getCountries()) {
      regions.set(code.toLowerCase(), code);
      regions.set((names.of(code) ?? code).toLowerCase(), code);
    }
  }
  return regions.get(country.trim().toLowerCase());
}

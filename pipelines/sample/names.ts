/** Words that names are made of. Plants, stones and weather: nobody is called so. */
export const firstNames = [
  'Juniper',
  'Basil',
  'Clover',
  'Sorrel',
  'Tansy',
  'Yarrow',
  'Fennel',
  'Bracken',
  'Teasel',
  'Lovage',
  'Comfrey',
  'Burdock',
  'Campion',
  'Larkspur',
  'Nettle',
  'Mallow',
  'Chicory',
  'Cumin',
  'Dill',
  'Anise',
  'Borage',
  'Hyssop',
  'Savory',
  'Senna',
] as const;

export const lastNames = [
  'Samplefield',
  'Testwood',
  'Demoson',
  'Mockridge',
  'Fakeley',
  'Placeholt',
  'Examplar',
  'Loremore',
  'Ipsumby',
  'Dummond',
  'Fixturely',
  'Stubbins-Test',
  'Nullworth',
  'Sandboxer',
  'Tryoutte',
  'Prototyp',
  'Drafton',
  'Rehearsal',
  'Modelby',
  'Trialton',
] as const;

export const companyFirstWords = [
  'Cobalt',
  'Amber',
  'Granite',
  'Willow',
  'Copper',
  'Cedar',
  'Opal',
  'Slate',
  'Maple',
  'Quartz',
  'Hazel',
  'Indigo',
  'Marble',
  'Poplar',
  'Saffron',
  'Topaz',
  'Umber',
  'Walnut',
  'Zinc',
  'Birch',
] as const;

export const companySecondWords = [
  'Lantern',
  'Harbor',
  'Compass',
  'Orchard',
  'Anvil',
  'Bridge',
  'Kettle',
  'Meadow',
  'Paddle',
  'Quarry',
  'Ribbon',
  'Signal',
  'Thimble',
  'Valley',
  'Window',
  'Yonder',
] as const;

export const companySuffixes = ['Example Co', 'Sample Works', 'Demo Group', 'Test Supply'] as const;

export const industries = [
  'manufacturing',
  'software',
  'retail',
  'logistics',
  'education',
  'healthcare',
  'hospitality',
  'construction',
] as const;

export const jobTitles = [
  'Buyer',
  'Operations Manager',
  'Head of Marketing',
  'Finance Lead',
  'IT Manager',
  'Owner',
  'Assistant',
  'Director of Sales',
] as const;

export const mailDomains = ['example.com', 'example.org', 'example.net', 'mail.test', 'post.test'] as const;

export interface Country {
  country: string;
  currency: string;
  language: string;
  zone: string;
  cities: readonly string[];
  share: number;
}

export const countries: readonly Country[] = [
  {
    country: 'US',
    currency: 'USD',
    language: 'en',
    zone: 'America/New_York',
    cities: ['Boston', 'Atlanta', 'Columbus'],
    share: 0.5,
  },
  {
    country: 'GB',
    currency: 'GBP',
    language: 'en',
    zone: 'Europe/London',
    cities: ['London', 'Leeds', 'Bristol'],
    share: 0.18,
  },
  {
    country: 'DE',
    currency: 'EUR',
    language: 'de',
    zone: 'Europe/Berlin',
    cities: ['Berlin', 'Hamburg', 'Leipzig'],
    share: 0.14,
  },
  {
    country: 'FR',
    currency: 'EUR',
    language: 'fr',
    zone: 'Europe/Paris',
    cities: ['Paris', 'Lyon', 'Nantes'],
    share: 0.1,
  },
  {
    country: 'CA',
    currency: 'USD',
    language: 'en',
    zone: 'America/Toronto',
    cities: ['Toronto', 'Ottawa'],
    share: 0.08,
  },
];

export const products = [
  ['Desk lamp', 'home'],
  ['Wool blanket', 'home'],
  ['Tea kettle', 'kitchen'],
  ['Chopping board', 'kitchen'],
  ['Herb seeds', 'garden'],
  ['Watering can', 'garden'],
  ['Hand trowel', 'garden'],
  ['Notebook set', 'office'],
  ['Fountain pen', 'office'],
  ['Canvas bag', 'travel'],
  ['Rain cover', 'travel'],
  ['Enamel mug', 'kitchen'],
] as const;

export const subjects = {
  call: ['Introduction', 'Follow-up', 'Questions on the offer'],
  meeting: ['Needs workshop', 'Demonstration', 'Review of the proposal'],
  email: ['Sent the offer', 'Sent references', 'Asked for feedback'],
  note: ['Budget confirmed', 'Second decision maker', 'Wants to start next quarter'],
  task: ['Prepare the contract', 'Check the credit limit', 'Call back'],
} as const;

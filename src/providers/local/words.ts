import { normalizeText } from '../../text/normalize-text.ts';

/** Words without meaning for a search, English and German, without diacritics. */
const STOP: ReadonlySet<string> = new Set(
  `a about after again all also am an and any are as at be been before but by can could did do does for from
  get give got had has have hello help hey hi how i if in into is it its just know let like list look lookup
  may me mine more my need no not now of on one only or our out please returns s see should show so some
  still t tell thank thanks that the their them then there these they this those to too tool up us use used
  user using very want was we were what whats when where which who whose why will with would yet you your
  aber alle als am an auch auf aus bei bin bis bitte da danke das dass dein dem den der des die dies diese
  dir doch du ein eine einem einen einer eines er es fur gib guten hab habe haben hallo hat ich ihr im ist
  ja kann kein keine konnen mein meine meinem meinen meiner mich mir mit nach nicht noch nur ob oder sehr
  sie sind so tag um und uns vom von wann war warum was welche wer werden wie wir wird wo zeig zu zum zur`.split(
    /\s+/,
  ),
);

/** Stems of a question that imply words of a tool, at half the weight, with those words. */
const STANDS_FOR: Readonly<Record<string, string>> = {
  where: 'status location tracking delivery',
  wo: 'status location tracking delivery',
  when: 'date time delivery schedule',
  wann: 'date time delivery schedule',
  arriv: 'delivery status shipping',
  much: 'price cost amount total',
  bestellung: 'order',
  bestellnummer: 'order',
  lieferung: 'delivery shipping',
  versand: 'shipping delivery',
  paket: 'parcel shipping delivery',
  rechnung: 'invoice bill',
  kund: 'customer',
  konto: 'account',
  preis: 'price',
  ruckgab: 'return',
  erstattung: 'refund',
  bestand: 'stock inventory',
  wett: 'weather',
  zahlung: 'payment',
  // words that imply a kind of work: figures, documents, programs
  umsatz: 'revenue sales figures database sql',
  revenue: 'sales figures database sql',
  erlos: 'revenue sales figures database sql',
  gewinn: 'profit figures database sql',
  profit: 'figures database sql',
  quartal: 'quarter figures database sql',
  turnover: 'revenue sales figures database sql',
  einnahm: 'revenue sales figures database sql',
  many: 'count figures database sql',
  viel: 'count figures database sql',
  dokument: 'document knowledge search rag',
  handbuch: 'manual document knowledge rag',
  richtlini: 'policy document knowledge rag',
  policy: 'document knowledge rag',
  programm: 'code programming',
  skript: 'script code programming',
  funktion: 'function code programming',
};

/**
 * Splits a text into lower-case words without diacritics. `camelCase` and `snake_case` are split
 * into their words.
 */
export function words(text: string): string[] {
  const split = text.replace(/([a-z])([A-Z])/g, '$1 $2').replaceAll('ß', 'ss');
  const plain = normalizeText(split, 'NFKD').replace(/\p{M}/gu, '');
  return plain.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Common endings, longest first. */
const ENDINGS = ['ing', 'ed', 'en', 'er', 'e', 'n'];

/**
 * Removes the most common endings of a word. The rest has at least four letters, or three for a
 * plural.
 */
export function stem(word: string): string {
  let rest = word.length >= 4 ? word.replace(/(?<=[^s])s$/, '') : word;
  for (;;) {
    const ending = ENDINGS.find((one) => rest.endsWith(one)) ?? '';
    const cut = rest.slice(0, rest.length - ending.length);
    if (cut === rest || cut.length < 4) return rest.replace(/y$/, 'i');
    rest = cut;
  }
}

/** Returns the stems of a text that carry meaning, without stop words, numbers and identifiers. */
export function contentStems(text: string): string[] {
  const contentWords = words(text).filter((word) => !STOP.has(word) && !/\d/.test(word));
  return [...new Set(contentWords.map(stem))];
}

/**
 * Returns whether two stems are the same word. They are equal, or the longer stem begins with the
 * shorter one. In a German compound, the longer stem ends with the shorter one.
 */
export function sameWord(a: string, b: string): boolean {
  if (a === b) return true;
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (short.length >= 4 && long.length - short.length <= 4 && long.startsWith(short)) return true;
  return short.length >= 6 && long.endsWith(short);
}

/** Returns the stems that a question searches for, each with its weight. */
export function queryStems(question: string): Map<string, number> {
  const query = new Map<string, number>();
  for (const word of words(question)) {
    for (const hint of (STANDS_FOR[stem(word)] ?? STANDS_FOR[word] ?? '').split(' ')) {
      if (hint !== '') query.set(stem(hint), 0.5);
    }
  }
  for (const one of contentStems(question)) query.set(one, 1);
  return query;
}

/** Counts the wanted stems that a text contains. */
export function overlap(wanted: Iterable<string>, text: string): number {
  const has = contentStems(text);
  let count = 0;
  for (const one of wanted) if (has.some((other) => sameWord(one, other))) count += 1;
  return count;
}

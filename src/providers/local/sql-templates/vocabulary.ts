import { stem, words } from '../words.ts';

/** The kinds of figures that a template computes. */
export type Measure = 'revenue' | 'cost' | 'count';

type Words = readonly string[];
const list = (text: string): Words => text.trim().split(/\s+/).map(fold);

/** Words of questions and names, folded as by `foldedWords`. German words come second. */
export const MEASURES: Readonly<
  Record<Exclude<Measure, 'count'>, [english: Words, german: Words]>
> = {
  revenue: [
    list('revenue turnover sales income earnings takings'),
    list('umsatz umsatzerlos einnahmen erlos'),
  ],
  cost: [list('cost costs expense spending expenditure'), list('kosten ausgaben aufwendungen')],
};
/** Words of tables whose rows are what a measure sums, besides the words of the measure itself. */
export const SOURCES: Readonly<Record<Measure, Words>> = {
  revenue: list(
    'invoice invoices order orders sale verkauf verkaufe rechnung rechnungen bestellung bestellungen auftrag auftrage',
  ),
  cost: list('purchase bill einkauf eingangsrechnung bestellpreis'),
  count: [],
};
/** Words of tables whose amounts are something other than the measure. */
export const OTHER_SOURCES: Readonly<Record<Measure, Words>> = {
  revenue: list(
    'cost expense purchase supplier salary payroll refund budget forecast plan quote offer kosten ausgaben einkauf lieferant gehalt angebot prognose gutschrift eingangsrechnung',
  ),
  cost: list('revenue turnover umsatz erlos budget forecast plan angebot prognose'),
  count: [],
};
export const AMOUNTS = list('amount total sum value betrag summe gesamt gesamtpreis wert');
export const PRICES = list('price preis stuckpreis einzelpreis');
export const QUANTITIES = list('quantity qty units pieces menge stuckzahl anzahl');
/** Parts of the names of numbers that belong to an amount but are not the amount. */
export const OTHER_AMOUNTS = list(
  'tax vat mwst ust steuer discount rabatt skonto shipping versand fee gebuhr deposit anzahlung refund balance saldo budget limit paid bezahlt weight gewicht points punkte',
);
/** Words of dates, best first: when something was invoiced, sold, dated, paid, written down. */
export const DATES: readonly Words[] = [
  list('invoiced issued rechnungsdatum belegdatum ausgestellt'),
  list(
    'ordered order sold sale booked purchased bestelldatum bestellt verkauft verkaufsdatum gebucht buchungsdatum',
  ),
  list('date datum day tag on am'),
  list('paid bezahlt zahlungsdatum'),
  list('created at angelegt erstellt inserted'),
];
/** Parts of the names of dates that are not the date of a business event of the past. */
export const OTHER_DATES = list(
  'update change modif delete cancel expect due deliver ship birth valid expire return until liefer fallig geburt gultig storn gelosch geander erwart versand frist mahn',
);
export const STATUSES = list('status state zustand storniert cancelled canceled deleted geloscht');
export const DEDUCTIONS = list('discount rabatt skonto refund nachlass');
export const CURRENCIES = list('currency wahrung');
export const NAMES = list('name title label bezeichnung titel firma');

export const MONTHS: readonly Words[] = [
  'january jan januar janner',
  'february feb februar feber',
  'march mar marz',
  'april apr',
  'may mai',
  'june jun juni',
  'july jul juli',
  'august aug',
  'september sep sept',
  'october oct oktober okt',
  'november nov',
  'december dec dezember dez',
].map(list);
export const ORDINALS: readonly Words[] = [
  '1 1st first erste ersten erstes erster erstem',
  '2 2nd second zweite zweiten zweites zweiter zweitem',
  '3 3rd third dritte dritten drittes dritter drittem',
  '4 4th fourth vierte vierten viertes vierter viertem',
].map(list);
export const UNITS = {
  month: list('month months monat monate monats'),
  quarter: list('quarter quarters quartal quartale quartals'),
  half: list('half halbjahr halbjahrs'),
  year: list('year years jahr jahre jahres'),
} as const;
export const ADVERBS = {
  month: list('monthly monatlich'),
  quarter: list('quarterly quartalsweise'),
  year: list('yearly jahrlich'),
} as const;
export const LAST = list(
  'last previous past letzte letzten letztes letzter letztem vorige vorigen voriges vorigem vergangene vergangenen vergangenes vergangenem',
);
export const THIS = list(
  'this current diese diesen dieses diesem dieser aktuelle aktuellen aktuelles aktuellem laufende laufenden laufendes laufendem',
);
export const PER = list('by per each every pro je nach');

/** Words of a question that change nothing about the figure. */
export const FILLERS = list(
  'high much big large total totals overall altogether company shop business made make earn earned generate generated amount amounted figure figures number please taken took there were been being got exactly during within over ' +
    'hoch gross viel insgesamt gesamt gesamte gesamten unternehmen firma unser unsere unseren unserem unserer gemacht erzielt erzielten betrug betrugen betragt betragen lag lagen waren wurde wurden gab gibt bitte zahlen zeitraum genau',
);
/** Stop words of a search that change what a figure is about. */
export const NOT_FILLERS = list(
  'not no only before after or if than who whose which when where why would could should nicht kein keine keinen nur bis oder noch wer welche wann wo warum',
);
/** Words that are more common in German questions than in English questions. */
export const GERMAN = list(
  'wie waren war die der das den dem des im und viele viel unser unsere wir hoch je pro welche jahr monat marz mai januar februar juni juli oktober dezember',
);

/** Words of one thing in both languages, to compare a question with names. */
const SYNONYMS: readonly Words[] = [
  'order bestellung auftrag',
  'invoice rechnung',
  'customer kund client',
  'product produkt artikel article item',
  'country land',
  'category kategorie',
  'region gebiet',
  'payment zahlung',
  'sale verkauf',
  'employee mitarbeiter',
  'supplier lieferant',
].map(list);

/** Splits a text into words without diacritics; `ae`, `oe` and `ue` count as umlauts. */
export function foldedWords(text: string): string[] {
  return words(text).map(fold);
}

function fold(word: string): string {
  return word.replace(/([aou])e/g, '$1');
}

/** Returns whether a word is one of a list, perhaps inflected or at the end of a compound. */
export function isOneOf(word: string, entries: Words): boolean {
  return entries.some(
    (one) =>
      word === one ||
      (!/\d/.test(word) && word.length > 3 && stem(word) === stem(one)) ||
      (one.length >= 5 && word.length > one.length + 2 && word.endsWith(one)),
  );
}

/** Returns whether a name contains one of the parts. Short parts must be a word of the name. */
export function hasPart(name: Words, parts: Words): boolean {
  const whole = name.join('');
  return parts.some((part) => (part.length < 4 ? name.includes(part) : whole.includes(part)));
}

/** Returns whether two words name the same thing, in either language. */
export function namesSame(a: string, b: string): boolean {
  if (a === b || (a.length > 3 && stem(a) === stem(b))) return true;
  return SYNONYMS.some((entries) => isOneOf(a, entries) && isOneOf(b, entries));
}

/** The package with the WebAssembly build of Tesseract, which the operator installs. */
export const TESSERACT_PACKAGE = 'tesseract.js-core';

/** The names of the data of Tesseract, by the languages of documents. */
const TRAINEDDATA: Readonly<Record<string, string>> = {
  ...{ am: 'amh', ar: 'ara', az: 'aze', be: 'bel', bg: 'bul', bn: 'ben', ca: 'cat', cs: 'ces' },
  ...{ da: 'dan', de: 'deu', el: 'ell', en: 'eng', es: 'spa', et: 'est', eu: 'eus', fa: 'fas' },
  ...{ fi: 'fin', fr: 'fra', ga: 'gle', gu: 'guj', he: 'heb', hi: 'hin', hr: 'hrv', hu: 'hun' },
  ...{ hy: 'hye', id: 'ind', is: 'isl', it: 'ita', ja: 'jpn', ka: 'kat', kn: 'kan', ko: 'kor' },
  ...{ ku: 'kmr', lo: 'lao', lt: 'lit', lv: 'lav', ml: 'mal', mr: 'mar', ms: 'msa', ne: 'nep' },
  ...{ nl: 'nld', no: 'nor', or: 'ori', pa: 'pan', pl: 'pol', pt: 'por', ro: 'ron', ru: 'rus' },
  ...{ sk: 'slk', sl: 'slv', sq: 'sqi', sr: 'srp', sv: 'swe', ta: 'tam', te: 'tel', th: 'tha' },
  ...{ tl: 'fil', tr: 'tur', uk: 'ukr', ur: 'urd', vi: 'vie', yi: 'yid', yo: 'yor' },
  zh: 'chi_sim',
};

/** Returns the name of the data for a language; that of English for `simple`. */
export const traineddataOf = (language: string): string => TRAINEDDATA[language] ?? 'eng';

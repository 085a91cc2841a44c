/** HTML elements whose text nobody reads. */
export const HIDDEN_ELEMENTS: ReadonlySet<string> = new Set(
  'head script style noscript template svg math nav iframe object canvas select textarea'.split(
    ' ',
  ),
);

/** HTML elements that begin and end a line. */
export const BLOCK_ELEMENTS: ReadonlySet<string> = new Set(
  `address article aside blockquote body br dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4
  h5 h6 header hr li main ol p pre section summary table tbody tfoot thead tr ul`.split(/\s+/),
);

/** HTML elements of one line of a table. */
export const CELL_ELEMENTS: ReadonlySet<string> = new Set(['td', 'th']);

/** The deepest nesting. A deeper page is not written for people, and parsing it takes long. */
export const MAX_NESTING = 500;

/** Rows of a page when the client does not say how many. */
export const USUAL_ROWS = 100;
/** Rows of a page at most. */
export const MOST_ROWS = 1_000;

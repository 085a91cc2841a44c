/** The number of rows of a page if the client gives none. */
export const USUAL_ROWS = 100;
/** Most rows of a page. */
export const MAX_ROWS = 1_000;

/**
 * The most time for the stages of one document, in milliseconds. A document that needs more fails.
 *
 * - `fetch_ms`: the answer of a URL
 * - `divide_ms`: a text is divided, or a file read and divided
 * - `recognize_ms`: Tesseract recognizes the text of images
 * - `draw_ms`: the image of the next page is drawn for a model
 * - `call_ms`: a model recognizes the text of a page
 * - `turn_ms`: a model recognizes pages of a document. Then other documents of the base have a turn
 * - `store_ms`: the chunks are written; below the time that a worker gives a statement
 * - `wait_ms`: no worker can read the file or URL, or the model fails
 */
export type IngestionLimits = Record<
  | 'fetch_ms'
  | 'divide_ms'
  | 'recognize_ms'
  | 'draw_ms'
  | 'call_ms'
  | 'turn_ms'
  | 'store_ms'
  | 'wait_ms',
  number
>;

export const INGESTION_LIMITS: IngestionLimits = {
  fetch_ms: 20_000,
  divide_ms: 10_000,
  recognize_ms: 300_000,
  draw_ms: 30_000,
  call_ms: 120_000,
  turn_ms: 60_000,
  store_ms: 20_000,
  wait_ms: 24 * 3_600_000,
};

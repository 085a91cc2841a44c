import type { Recognizer } from './recognizer.ts';

/**
 * What a model has recognized: the text of each scanned page, and the number of pages with an image
 * that cannot be decoded.
 */
export type Transcripts = {
  pages: readonly (readonly [page: number, text: string])[];
  undecoded: number;
};

/** Reads the paragraphs of images and scanned pages. */
export type ImageReader = Pick<Recognizer, 'undecoded' | 'readImage' | 'readPage'>;

/** Creates a reader of images that a model has recognized before. */
export function readTranscripts({ pages, undecoded }: Transcripts): ImageReader {
  const texts = new Map(pages);
  const paragraphsOf = (page: number) => (texts.get(page) ?? '').split(/\n\s*\n/);
  return {
    undecoded,
    readImage: async () => paragraphsOf(1),
    readPage: async ({ pageNumber }) => paragraphsOf(pageNumber),
  };
}

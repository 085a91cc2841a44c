/** A file as a row of `howdah.resources` describes it, with its content, whose hash has been checked. */
export type Resource = {
  name: string;
  /** Its MIME type in lower case, perhaps with parameters: `text/csv; charset=utf-8`. */
  type: string;
  /** By its type; the bytes may still not be UTF-8. */
  is_text: boolean;
  bytes: Buffer;
  /** In hex. */
  sha256: string;
};

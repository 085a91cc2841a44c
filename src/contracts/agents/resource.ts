/** A file from `howdah.resources` with its content. The hash of the content has been checked. */
export type Resource = {
  name: string;
  /** The MIME type in lower case, perhaps with parameters: `text/csv; charset=utf-8`. */
  type: string;
  /** True if the type is a text type. The bytes may still not be UTF-8. */
  is_text: boolean;
  bytes: Buffer;
  /** The SHA-256 hash in hex. */
  sha256: string;
};

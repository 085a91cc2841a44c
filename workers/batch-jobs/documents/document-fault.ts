/** A fault of a document itself, with a message for its author. */
export class DocumentFault extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A file or URL that this worker cannot read, but another one or a later attempt may. */
export class Unreachable extends Error {}

import { type Document, visit, type YAMLError } from 'yaml';

/** A fault at an offset of the text. */
export type OffsetFault = { offset: number; message: string };

/**
 * Describes the parser's errors in words about the file. After an unclosed quote every other error
 * is misleading, so only the quote is reported.
 */
export function syntaxFaults(parsed: Document, most: number): OffsetFault[] {
  const all = [...parsed.errors, ...parsed.warnings];
  const unclosed = all.find(({ message }) => /^Missing closing ["']quote/.test(message));
  if (unclosed) {
    const message = 'the quoted text that begins here is not closed';
    return [{ offset: openQuote(parsed, unclosed.pos[0]), message }];
  }
  return all.slice(0, most).map((error) => ({ offset: error.pos[0], message: wordsOf(error) }));
}

function wordsOf({ code, message }: YAMLError): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'a file must contain exactly one document';
    case 'TAB_AS_INDENT':
      return 'lines must be indented with spaces, not tabs';
    case 'BAD_SCALAR_START':
      return `a text that begins with ${message.at(-1)} must be in quotes`;
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a text that contains a colon and a space must be in quotes';
    case 'BLOCK_IN_FLOW':
      return 'a key is not allowed here: a quote, a comma or a bracket is missing before it';
    case 'UNEXPECTED_TOKEN':
      return `${message}: a quote, a comma or a bracket may be missing before it`;
    default:
      return message;
  }
}

/** Returns the start of the quoted text that contains this offset. */
function openQuote(parsed: Document, end: number): number {
  let offset = end;
  visit(parsed, {
    Scalar: (_, { range, type }) => {
      if (type?.startsWith('QUOTE') && range && range[0] < end && range[1] >= end)
        offset = range[0];
    },
  });
  return offset;
}

import { parseJson } from '../../json/parse-json.ts';

/** The fault that makes a text invalid JSON, and its offset. */
export type JsonFault = { offset: number; message: string };

const TOKEN =
  /"[ !#-[\]-\uFFFF]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uFFFF]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)|[{}[\]:,]/y;
const BYTE_ORDER_MARK = '\uFEFF';
const CLOSING = { '{': '}', '[': ']' } as const;

/**
 * Returns the first fault of a text as strict JSON, or undefined if the text is JSON. YAML accepts
 * many such faults. Unlike JavaScript engines, the function reports the place.
 */
export function jsonFault(text: string): JsonFault | undefined {
  try {
    parseJson(text.replace(/^\uFEFF/, ''));
    return undefined;
  } catch {
    return firstFault(text);
  }
}

type Token = { offset: number; text: string };
type State = {
  /** The brackets that are open. */
  open: ('{' | '[')[];
  expects: 'value' | 'key' | 'colon' | 'more';
  before: Token;
};

function firstFault(text: string): JsonFault {
  let token: Token = { offset: 0, text: text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '' };
  const state: State = { open: [], expects: 'value', before: token };
  for (;;) {
    const next = tokenAt(text, token.offset + token.text.length);
    if ('message' in next) return next;
    const message = isClosing(state, next) ? commaBefore(state, next) : faultAt(state, next);
    if (message !== undefined)
      return { offset: (isClosing(state, next) ? state.before : next).offset, message };
    token = next;
    state.before = next;
  }
}

/**
 * Returns whether a token closes the innermost bracket, after an entry, after the opening bracket
 * or after a trailing comma.
 */
function isClosing({ open, expects, before }: State, { text }: Token): boolean {
  const inside = open.at(-1);
  if (inside === undefined || text !== CLOSING[inside]) return false;
  return expects === 'more' || before.text === inside || before.text === ',';
}

function commaBefore(state: State, { text }: Token): string | undefined {
  if (state.before.text === ',') return `remove the comma before ${text}`;
  state.open.pop();
  state.expects = 'more';
  return undefined;
}

function faultAt(state: State, { text }: Token): string | undefined {
  const inside = state.open.at(-1);
  switch (state.expects) {
    case 'more':
      if (text !== ',' || inside === undefined) return afterValue(text, inside);
      state.expects = inside === '{' ? 'key' : 'value';
      return undefined;
    case 'colon':
      state.expects = 'value';
      return text === ':' ? undefined : 'expected : here';
    case 'key':
      state.expects = 'colon';
      return text.startsWith('"') ? undefined : 'expected a key in double quotes here';
    default:
      if (/^[\]}:,]?$/.test(text)) return 'expected a value here';
      if (text === '{' || text === '[') state.open.push(text);
      state.expects = text === '{' ? 'key' : text === '[' ? 'value' : 'more';
      return undefined;
  }
}

/** Reads the token at an offset. The end of the text is an empty token. */
function tokenAt(text: string, at: number): Token | JsonFault {
  const space = /[ \t\r\n]*/y;
  space.lastIndex = at;
  const offset = at + (space.exec(text)?.[0].length ?? 0);
  if (offset === text.length) return { offset, text: '' };
  TOKEN.lastIndex = offset;
  const found = TOKEN.exec(text);
  if (found) return { offset, text: found[0] };
  const [written = ''] =
    /^(?:"|'|#|\/\/|\/\*|[^\s{}[\]:,"']*)/.exec(text.slice(offset, offset + 40)) ?? [];
  return { offset, message: strange(written) };
}

function strange(written: string): string {
  if (written === '"')
    return 'the text that begins here is not closed on its line, or contains a character that JSON must escape';
  if (written === "'") return 'JSON requires double quotes around texts';
  if (/^(#|\/)/.test(written)) return 'JSON does not allow comments';
  return 'this is not a JSON value: put texts and keys in double quotes';
}

function afterValue(text: string, inside: '{' | '[' | undefined): string {
  if (inside === undefined) return 'nothing is allowed after the document';
  return text === ''
    ? `the file ends, and a ${CLOSING[inside]} is missing`
    : `a comma is missing before this, or a ${CLOSING[inside]}`;
}

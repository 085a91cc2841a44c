import type { ASTNode } from '@marcbachmann/cel-js';

// The work of an expression, read from its tree. Every node of an expression without loops is
// evaluated at most once, so its work is bounded by its nodes and the size of its variables. Only
// nodes and functions that are listed here are bounded. Everything else, such as loops, patterns,
// `split`, and whatever a new version of the library adds, is not.

/** A fault of an expression, or of its value, that this code finds. */
export class CelTreeFault extends Error {}

/**
 * The most work that an expression takes.
 *
 * - `passes`: how often it reads all of its largest value, such as a text to search
 * - `copies`: how large its largest value is, in sizes of its variables: one copy for each place
 *   that names a variable, since no node repeats a value
 */
export type CelWork =
  | { isBounded: false }
  | { isBounded: true; passes: number; copies: number; variables: ReadonlySet<string> };

/** Passes over a value of a call, from its arguments; undefined for work without a bound. */
type CallRule = (args: readonly ASTNode[]) => number | undefined;

const CONSTANT: CallRule = () => 0;
const LINEAR: CallRule = () => 1;
/** Measured: the characters of a text are counted one by one, in 10 to 25 ms per megabyte. */
const SIZE: CallRule = () => 5;
/** A search compares each character of the text with the characters of a pattern. */
const SEARCH: CallRule = ([pattern]) => {
  const text = pattern && literalText(pattern);
  return text === undefined ? undefined : 1 + text.length;
};
/** The library splits a duration by a pattern whose time grows with the cube of its length. */
const DURATION: CallRule = ([text]) => {
  const literal = text && literalText(text);
  return literal !== undefined && literal.length <= MAX_DURATION ? 0 : undefined;
};
const MAX_DURATION = 32;
/** A time zone is looked up for each call. */
const TIME_FIELD: CallRule = (args) => (args.length === 0 ? 0 : undefined);

const FUNCTION_RULES: Readonly<Record<string, CallRule>> = {
  has: CONSTANT,
  dyn: CONSTANT,
  type: CONSTANT,
  timestamp: CONSTANT,
  duration: DURATION,
  bool: LINEAR,
  int: LINEAR,
  uint: LINEAR,
  double: LINEAR,
  string: LINEAR,
  size: SIZE,
};
const METHOD_RULES: Readonly<Record<string, CallRule>> = {
  size: SIZE,
  startsWith: LINEAR,
  endsWith: LINEAR,
  contains: SEARCH,
  indexOf: SEARCH,
  lastIndexOf: SEARCH,
  substring: LINEAR,
  trim: LINEAR,
  lowerAscii: LINEAR,
  upperAscii: LINEAR,
  none: CONSTANT,
  of: CONSTANT,
  hasValue: CONSTANT,
  value: CONSTANT,
  or: CONSTANT,
  orValue: CONSTANT,
  getDate: TIME_FIELD,
  getDayOfMonth: TIME_FIELD,
  getDayOfWeek: TIME_FIELD,
  getDayOfYear: TIME_FIELD,
  getFullYear: TIME_FIELD,
  getHours: TIME_FIELD,
  getMilliseconds: TIME_FIELD,
  getMinutes: TIME_FIELD,
  getMonth: TIME_FIELD,
  getSeconds: TIME_FIELD,
};
/** Calls that evaluate an argument once for each element, or give a value a name. */
const REPEATING: ReadonlySet<string> = new Set([
  'all',
  'exists',
  'exists_one',
  'map',
  'filter',
  'bind',
]);
/** A letter may have up to three letters in the other case, such as ΐ. */
const CASES: ReadonlySet<string> = new Set(['lowerAscii', 'upperAscii']);
const CASE_GROWTH = 3;
/** Maximum number of nodes of an expression with bounded work. */
const MAX_NODES = 500;
/** Maximum number of levels of lists and maps that such an expression writes out. */
const MAX_LITERAL_LEVELS = 3;
/**
 * Maximum number of bytes literals and calls of an expression. Bytes are not part of the heap, so
 * the heap limit of a process does not apply to them.
 */
const MAX_BYTE_CALLS = 4;

type Found = {
  nodes: number;
  passes: number;
  byteCalls: number;
  reads: number;
  growth: number;
  isBounded: boolean;
  isRepeating: boolean;
  variables: Set<string>;
  /** Ranges of the literals, which may contain the characters of a comment. */
  literals: [start: number, end: number][];
};

/** Returns the work of an expression. Throws CelTreeFault for an expression that is not allowed. */
export function workOfTree(
  root: ASTNode,
  expression: string,
  functions: ReadonlySet<string>,
): CelWork {
  const found: Found = {
    nodes: 0,
    passes: isScalar(root) ? 0 : 1,
    byteCalls: 0,
    reads: 0,
    growth: 1,
    isBounded: true,
    isRepeating: false,
    variables: new Set(),
    literals: [],
  };
  const rest: { node: ASTNode; level: number }[] = [{ node: root, level: 0 }];
  for (let next = rest.pop(); next; next = rest.pop()) {
    const level = next.level + (buildsValue(next.node) ? 1 : 0);
    found.nodes += 1;
    if (level > MAX_LITERAL_LEVELS) found.isBounded = false;
    count(next.node, found, functions);
    for (const node of childrenOf(next.node)) rest.push({ node, level });
  }
  refuseComment(expression, found.literals);
  refuseGrowingBytes(found);
  if (!found.isBounded || found.nodes > MAX_NODES) return { isBounded: false };
  const { passes, reads, growth, variables } = found;
  return { isBounded: true, passes, copies: reads * growth, variables };
}

function count(node: ASTNode, found: Found, functions: ReadonlySet<string>): void {
  switch (node.op) {
    case 'value':
      found.literals.push([node.start, node.end]);
      if (node.args instanceof Uint8Array) found.byteCalls += 1;
      return;
    case 'id':
      found.reads += 1;
      found.variables.add(node.args);
      return;
    case '+':
      found.passes += 1;
      return;
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      found.passes += node.args.some(isLiteral) ? 0 : 1;
      return;
    case 'in':
      addPasses(found, membershipPasses(node.args));
      return;
    case 'call':
      countCall(node.args[0], node.args[1], FUNCTION_RULES, found, functions);
      return;
    case 'rcall':
      countCall(node.args[0], node.args[2], METHOD_RULES, found, functions);
  }
}

function countCall(
  name: string,
  args: readonly ASTNode[],
  rules: Readonly<Record<string, CallRule>>,
  found: Found,
  functions: ReadonlySet<string>,
): void {
  if (!functions.has(name)) throw new CelTreeFault(`there is no function ${name}()`);
  if (REPEATING.has(name)) found.isRepeating = true;
  if (name === 'bytes') found.byteCalls += 1;
  if (CASES.has(name)) found.growth = CASE_GROWTH;
  addPasses(found, Object.hasOwn(rules, name) ? rules[name]?.(args) : undefined);
}

function addPasses(found: Found, passes: number | undefined): void {
  if (passes === undefined) found.isBounded = false;
  else found.passes += passes;
}

/** Returns the passes of `in`. A value that is no literal is compared with each of a list. */
function membershipPasses([member, list]: readonly [ASTNode, ASTNode]): number | undefined {
  if (list.op === 'list') return list.args.length;
  return isLiteral(member) ? 1 : undefined;
}

/** Returns the nodes below a node. Throws for a node that this code does not know. */
function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case '!_':
    case '-_':
      return [node.args];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'map':
      return node.args.flat();
    case 'list':
    case '?:':
    case '[]':
    case '[?]':
    case '||':
    case '&&':
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case 'in':
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return node.args;
    default:
      throw new CelTreeFault(`${(node as { op: string }).op} is not supported`);
  }
}

/** Returns whether a node puts values into a list, a map or an optional value. */
function buildsValue(node: ASTNode): boolean {
  return node.op === 'list' || node.op === 'map' || (node.op === 'rcall' && node.args[0] === 'of');
}

/** Returns whether the value of a node is true or false, so that nothing is copied. */
function isScalar({ op }: ASTNode): boolean {
  return ['==', '!=', '<', '<=', '>', '>=', 'in', '&&', '||', '!_'].includes(op);
}

function isLiteral({ op }: ASTNode): boolean {
  return op === 'value';
}

function literalText({ op, args }: ASTNode): string | undefined {
  return op === 'value' && typeof args === 'string' ? args : undefined;
}

/**
 * Refuses comments. The tree does not contain them, but outside of literals nothing else contains
 * two slashes.
 */
function refuseComment(expression: string, literals: readonly [number, number][]): void {
  let end = 0;
  let code = '';
  for (const [from, to] of literals.toSorted(([a], [b]) => a - b)) {
    code += `${expression.slice(end, from)}''`;
    end = to;
  }
  if ((code + expression.slice(end)).includes('//')) {
    throw new CelTreeFault('it contains a comment (//), which expressions must not have');
  }
}

/** Refuses expressions whose bytes may double, or are made once for each element. */
function refuseGrowingBytes({ byteCalls, isRepeating }: Found): void {
  if (byteCalls > MAX_BYTE_CALLS || (byteCalls > 0 && isRepeating)) {
    throw new CelTreeFault('it may make bytes of any size: use text instead');
  }
}

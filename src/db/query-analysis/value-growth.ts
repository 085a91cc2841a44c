import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { QueryRefusal } from './refusal.ts';
import { BOUNDED, FACTORS } from './result-length.ts';

// How much longer than the rows that it reads the values of a query can be.
//
// A function such as `concat` makes a value as long as its arguments together. That is harmless
// once. But a query of queries, each of which joins a column to itself, doubles the value at each
// level. So each SELECT is weighed: the number of times that its heaviest column occurs in a row
// that it returns, times the weight of the rows that it reads. Tables have the weight 1.

/** The most weight of a value. A value of 1 MB may then become one of 64 MB. */
const MAX_WEIGHT = 64;
/** A query has at most so many characters, so its constants together weigh as much as a column. */
const CONSTANTS = 20_000;
/** Operators that return a part of their left argument. */
const SELECTORS = new Set(['->', '->>', '#>', '#>>', '#-', '-']);
/** Types to which a value of any length can be cast. A text becomes twice as long as bytea. */
const LONG_TYPES: Readonly<Record<string, number>> = {
  ...{ json: 2, jsonb: 2, bytea: 2, tsvector: 2, tsquery: 2 },
};

/** How often a value contains each column. `''` stands for constants and sub-selects. */
type Weights = ReadonlyMap<string, number>;
const NOTHING: Weights = new Map();

/** Refuses a SELECT that may return values much longer than those that it reads. */
export function refuseGrowth(select: JsonObject): void {
  weighSelect(select, new Map());
}

/** CTEs by name, with their weights. `isRecursive` while the CTE is weighed itself. */
type Scope = ReadonlyMap<string, { weight: number; isRecursive?: boolean }>;

function weighSelect(select: JsonObject, outer: Scope): number {
  const scope = withCtes(select, outer);
  if (select.op !== undefined && select.op !== 'SETOP_NONE') {
    return Math.max(...[select.larg, select.rarg].map((arm) => weighSelect(asObject(arm), scope)));
  }
  const { targetList, valuesLists, fromClause } = select;
  const source = weighSources(fromClause, scope);
  const row = sum([...list(targetList), ...list(valuesLists)].map((part) => weigh(part, scope)));
  for (const [key, part] of Object.entries(select)) {
    if (!['targetList', 'valuesLists', 'fromClause', 'withClause'].includes(key)) {
      refuseHeavy(total(weigh(part, scope), source.weight));
    }
  }
  if (source.recursive.size > 0 && heaviest(row, source.recursive) > 1) throw recursiveGrowth();
  return refuseHeavy(total(row, source.weight));
}

/** The weight of the rows of FROM, and the names there for rows of a recursive query. */
type Source = { weight: number; recursive: ReadonlySet<string> };

/** Weighs the rows of FROM. Joined tables count as one row, of weight 1. */
function weighSources(from: Json | undefined, scope: Scope): Source {
  let weight = 0;
  const recursive = new Set<string>();
  const visit = (node: Json | undefined): void => {
    if (Array.isArray(node)) return void node.forEach(visit);
    if (!isJsonObject(node)) return;
    const { RangeVar, RangeSubselect, RangeFunction, JsonTable } = node;
    if (isJsonObject(RangeVar)) {
      const cte = RangeVar.schemaname ? undefined : scope.get(String(RangeVar.relname));
      weight += cte?.weight ?? 0;
      if (cte?.isRecursive) recursive.add(aliasOf(RangeVar) ?? String(RangeVar.relname));
    } else if (isJsonObject(RangeSubselect)) {
      const inner = asObject(asObject(RangeSubselect.subquery).SelectStmt);
      weight += weighSelect(inner, scope);
      if (weighSources(inner.fromClause, scope).recursive.size > 0)
        recursive.add(aliasOf(RangeSubselect) ?? '');
    } else if (RangeFunction ?? JsonTable) {
      const made = weigh(RangeFunction ?? JsonTable, scope);
      refuseHeavy(total(made, Math.max(1, weight)));
      weight += heaviest(made) * Math.max(1, weight) + (made.get('') ?? 0);
    } else {
      for (const child of Object.values(node)) visit(child);
    }
  };
  visit(from);
  return { weight: Math.max(1, weight), recursive };
}

function aliasOf({ alias }: JsonObject): string | undefined {
  const { aliasname } = asObject(alias);
  return typeof aliasname === 'string' ? aliasname : undefined;
}

function withCtes({ withClause }: JsonObject, outer: Scope): Scope {
  if (!isJsonObject(withClause)) return outer;
  const scope = new Map(outer);
  for (const entry of list(withClause.ctes)) {
    const { ctename, ctequery } = asObject(asObject(entry).CommonTableExpr);
    const query = asObject(asObject(ctequery).SelectStmt);
    const name = String(ctename);
    const isUnion = withClause.recursive === true && isJsonObject(query.larg);
    if (isUnion) {
      const first = weighSelect(asObject(query.larg), scope);
      scope.set(name, { weight: first, isRecursive: true });
    }
    scope.set(name, { weight: weighSelect(query, scope) });
  }
  return scope;
}

/**
 * Returns how often a value of this expression contains each column. A caller weighs each part
 * once: to weigh one twice would double the time at each level.
 */
function weigh(node: Json | undefined, scope: Scope): Weights {
  if (Array.isArray(node)) return sum(node.map((entry) => weigh(entry, scope)));
  if (!isJsonObject(node)) return NOTHING;
  return sum(
    Object.entries(node).map(([key, value]) =>
      /^[A-Z]/.test(key) ? weighNode(key, asObject(value as Json), scope) : weigh(value, scope),
    ),
  );
}

function weighNode(kind: string, node: JsonObject, scope: Scope): Weights {
  const inner = () => weigh(node, scope);
  switch (kind) {
    case 'ColumnRef':
      return new Map([[namesIn(node.fields).join('.') || '*', 1]]);
    case 'A_Const':
      return new Map([['', lengthOf(node) / CONSTANTS]]);
    case 'FuncCall':
      return weighCall(node, scope);
    case 'A_Expr':
      return weighOperator(node, scope);
    case 'TypeCast':
      return weighCast(node, scope);
    case 'A_Indirection':
      return scale(
        inner(),
        2 ** list(node.indirection).filter((part) => 'String' in asObject(part)).length,
      );
    case 'CaseExpr':
    case 'CoalesceExpr':
    case 'MinMaxExpr':
      return alternatives(node, scope);
    case 'JsonObjectConstructor':
    case 'JsonArrayConstructor':
      return scale(inner(), 2);
    case 'SubLink':
      return weighSubLink(node, scope);
    case 'BoolExpr':
    case 'NullTest':
    case 'BooleanTest':
    case 'JsonIsPredicate':
      return passes(NOTHING, inner());
    case 'SelectStmt':
      return new Map([['', weighSelect(node, scope)]]);
    default:
      return inner();
  }
}

function lengthOf({ sval }: JsonObject): number {
  return String(asObject(sval).sval ?? '').length;
}

function namesIn(names: Json | undefined): string[] {
  return list(names).map((part) => String(asObject(asObject(part).String).sval));
}

function weighOperator(node: JsonObject, scope: Scope): Weights {
  const { name, lexpr, rexpr } = node;
  const left = weigh(lexpr, scope);
  const whole = sum([left, weigh(rexpr, scope)]);
  const operator = namesIn(name).at(-1) ?? '';
  if (operator === '||') return whole;
  return passes(SELECTORS.has(operator) ? left : NOTHING, whole);
}

function weighCast({ arg, typeName }: JsonObject, scope: Scope): Weights {
  const { names, arrayBounds } = asObject(typeName);
  const type = namesIn(names).at(-1) ?? '';
  const made = weigh(arg, scope);
  const isFixed = list(arrayBounds).length === 0 && FIXED_TYPES.has(type);
  return passes(isFixed ? NOTHING : scale(made, LONG_TYPES[type] ?? 1), made);
}

const FIXED_TYPES = new Set(
  'bool int2 int4 int8 float4 float8 numeric date time timetz timestamp timestamptz interval uuid'.split(
    ' ',
  ),
);

function weighCall(node: JsonObject, scope: Scope): Weights {
  const name = namesIn(node.funcname).at(-1) ?? '';
  const args = weigh(node.args, scope);
  const whole = sum([args, weigh(node.agg_filter, scope)]);
  weigh([node.agg_order ?? null, node.over ?? null], scope);
  if (name === 'format' || name === 'concat_ws') refuseRepetition(name, node);
  if (BOUNDED.has(name)) return passes(args, whole);
  return passes(scale(args, FACTORS[name] ?? 0), whole);
}

/** A format may repeat or pad an argument, and a separator stands between all values. */
function refuseRepetition(name: string, { args, func_variadic }: JsonObject): void {
  const [first] = list(args);
  const text = asObject(asObject(asObject(first).A_Const).sval).sval;
  const isShort = typeof text === 'string' && text.length <= 1_000;
  const isPadded = /%[^%a-zA-Z]*(\*|\d{4})/.test(String(text));
  const isRepeated = String(text).split('$').length > 20;
  if (isShort && !(name === 'format' && (isPadded || isRepeated || func_variadic))) return;
  throw new QueryRefusal(
    `${name} makes a long value of short ones`,
    name === 'format'
      ? 'Write its format as a constant without widths above 999 and with at most 20 positions.'
      : 'Write its separator as a constant of at most 1000 characters.',
  );
}

function weighSubLink(node: JsonObject, scope: Scope): Weights {
  if (node.subLinkType === 'ARRAY_SUBLINK') {
    throw new QueryRefusal('it collects rows by ARRAY(SELECT …)', 'Write (SELECT array_agg(…) …).');
  }
  const { SelectStmt } = asObject(node.subselect);
  const weight = weighSelect(asObject(SelectStmt), scope);
  const tested = weigh(node.testexpr, scope);
  return node.subLinkType === 'EXPR_SUBLINK' ? new Map([['', weight]]) : passes(NOTHING, tested);
}

/** Weighs an expression that returns one of its parts. */
function alternatives(node: JsonObject, scope: Scope): Weights {
  const parts = [node.defresult, ...list(node.args)].map((part) => {
    const when = asObject(part).CaseWhen;
    if (!isJsonObject(when)) return weigh(part, scope);
    const result = weigh(when.result, scope);
    return passes(result, sum([result, weigh(when.expr, scope)]));
  });
  const most = new Map<string, number>();
  for (const part of parts) {
    for (const [key, weight] of part) most.set(key, Math.max(weight, most.get(key) ?? 0));
  }
  return most;
}

/** Returns the result of an expression whose parts are made first, even if it drops them. */
function passes(result: Weights, made: Weights): Weights {
  refuseHeavy(total(made, 1));
  return result;
}

function sum(parts: readonly Weights[]): Weights {
  const [first = NOTHING] = parts;
  if (parts.length <= 1) return first;
  const all = new Map<string, number>();
  for (const part of parts) {
    for (const [key, weight] of part) all.set(key, (all.get(key) ?? 0) + weight);
  }
  return all;
}

function scale(weights: Weights, factor: number): Weights {
  if (factor === 0) return NOTHING;
  return factor === 1
    ? weights
    : new Map([...weights].map(([key, weight]) => [key, weight * factor]));
}

/** Returns the weight of the heaviest column, with `tables` only of columns that may be theirs. */
function heaviest(weights: Weights, tables?: ReadonlySet<string>): number {
  const counted = [...weights].filter(([key]) => {
    const [first = '', ...rest] = key.split('.');
    return key !== '' && (!tables || rest.length === 0 || tables.has(first));
  });
  return Math.max(0, ...counted.map(([, weight]) => weight));
}

function total(weights: Weights, source: number): number {
  return source * Math.max(1, heaviest(weights)) + (weights.get('') ?? 0);
}

function refuseHeavy(weight: number): number {
  if (weight <= MAX_WEIGHT) return weight;
  throw new QueryRefusal(
    `its values may be ${Math.round(weight)} times as long as those it reads, at most ${MAX_WEIGHT} times is allowed`,
    'Repeat fewer columns, and nest fewer queries that join the same column more than once.',
  );
}

function recursiveGrowth(): QueryRefusal {
  const hint = 'Name each of its columns once, and put the table before columns of others.';
  return new QueryRefusal('a value of it may double with each row of a recursive query', hint);
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function asObject(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

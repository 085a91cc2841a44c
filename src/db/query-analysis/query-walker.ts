import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { QueryCounts, refuseDepth } from './query-counts.ts';
import { QueryRefusal } from './refusal.ts';
import { knowledgeOf } from './result-length.ts';
import {
  isShortCast,
  isSlowField,
  refuseLongArguments,
  refuseLongOperands,
  refuseSlowPath,
  refuseSlowType,
} from './short-arguments.ts';
import { refuseGrowth } from './value-growth.ts';

/**
 * A function, operator or field that a query calls. A name without a schema is found by the search
 * path. A field may be a function: `(5).pg_sleep` sleeps.
 */
export type QueryCall = {
  name: string;
  schema: string | null;
  kind: 'function' | 'operator' | 'field';
  /** True if a function or operator of this name in pg_catalog may be called. */
  is_known: boolean;
  /** True if howdah_bounded has a namesake that checks the length. */
  is_bounded: boolean;
};

/**
 * A table that a query names. A name without a schema is found by the search path, or is a CTE of
 * the query.
 */
export type TableName = { name: string; schema: string | null };

/**
 * All kinds of nodes that a query may contain. Any other node writes, locks, or is not known to do
 * neither.
 */
const NODES = new Set(
  `SelectStmt ResTarget ColumnRef A_Star String Integer Float Boolean BitString A_Const A_Expr BoolExpr FuncCall
  TypeCast TypeName NullTest BooleanTest CaseExpr CaseWhen CoalesceExpr MinMaxExpr SubLink A_ArrayExpr A_Indirection
  A_Indices RowExpr RangeVar RangeSubselect RangeFunction RangeTableSample JoinExpr SortBy GroupingSet GroupingFunc WindowDef
  CommonTableExpr ColumnDef List NamedArgExpr CollateClause SQLValueFunction JsonIsPredicate JsonObjectConstructor JsonArrayConstructor
  JsonKeyValue JsonValueExpr JsonFuncExpr JsonTable
  JsonTableColumn JsonTablePathSpec JsonArgument JsonBehavior JsonParseExpr JsonScalarExpr JsonSerializeExpr`.split(
    /\s+/,
  ),
);

const WRITES: Readonly<Record<string, string>> = {
  LockingClause: 'it locks rows (FOR UPDATE, FOR SHARE)',
  JsonObjectAgg: 'it collects rows by JSON_OBJECTAGG: use json_agg',
  JsonArrayAgg: 'it collects rows by JSON_ARRAYAGG: use json_agg',
  JsonArrayQueryConstructor: 'it collects rows by JSON_ARRAY(SELECT …): use json_agg',
  ParamRef: 'it has a parameter ($1), and there is nothing to put there: write the value',
};

const SAMPLES = ['bernoulli', 'system'];
const SYSTEM = /^(pg_.*|information_schema|howdah_private|graphile_worker)$/;
const CATALOGUE_HINT = 'Send the query `describe` to see which tables there are.';

/**
 * Walks the tree of a statement, refuses forbidden nodes, and collects the functions and tables
 * that the statement names. `schemas` are those it may read; null allows all except the system's.
 */
export class QueryWalker {
  readonly calls: QueryCall[] = [];
  readonly tables: TableName[] = [];
  readonly #counts = new QueryCounts();
  readonly #schemas: readonly string[] | null;
  /** Types of casts that are fast although the type may be slow. */
  readonly #fastTypes = new WeakSet<object>();
  /** The checks of nodes by their kind. */
  readonly #checks: Readonly<Record<string, (node: JsonObject) => void>> = {
    SelectStmt: (node) => this.#countSelect(node),
    CommonTableExpr: refuseRepeatedPlan,
    RangeFunction: () => this.#counts.add('tables'),
    JsonTable: () => this.#counts.add('tables'),
    ResTarget: () => this.#counts.add('columns'),
    RangeVar: (node) => this.#addTable(node),
    FuncCall: (node) => this.#addFunction(node),
    ColumnRef: ({ fields }) => this.#addFields(namesOf(fields).slice(1)),
    A_Indirection: ({ indirection }) => this.#addFields(namesOf(indirection)),
    RangeTableSample: refuseOtherSamples,
    A_Expr: (node) => this.#addOperator(node),
    TypeCast: (node) => this.#checkCast(node),
    JsonFuncExpr: ({ pathspec }) => refuseSlowPath(pathspec),
    TypeName: (node) => this.#checkType(node),
    SQLValueFunction: refuseServerValues,
  };

  constructor(schemas: readonly string[] | null) {
    this.#schemas = schemas;
  }

  /** Walks a whole statement. Throws `QueryRefusal`. */
  walk(statement: JsonObject): void {
    const [kind = ''] = Object.keys(statement);
    if (kind !== 'SelectStmt') {
      throw new QueryRefusal(
        `it must be a SELECT, not ${wordsOf(kind)}`,
        'Only reading is allowed.',
      );
    }
    refuseDepth(statement);
    this.#walkValue(statement);
    this.#counts.refuseTooMany();
    refuseGrowth(statement.SelectStmt as JsonObject);
  }

  #walkValue(value: Json | undefined): void {
    if (Array.isArray(value)) {
      for (const entry of value) this.#walkValue(entry);
      return;
    }
    if (!isJsonObject(value)) return;
    for (const [key, child] of Object.entries(value)) {
      if (/^[A-Z]/.test(key)) this.#walkNode(key, child as JsonObject);
      else this.#walkField(key, child as Json);
    }
  }

  #walkNode(kind: string, node: JsonObject): void {
    if (!NODES.has(kind)) throw new QueryRefusal(WRITES[kind] ?? `it contains ${wordsOf(kind)}`);
    this.#checks[kind]?.(node);
    if (kind === 'SelectStmt') this.#counts.nest(() => this.#walkValue(node));
    else this.#walkValue(node);
  }

  #walkField(key: string, value: Json): void {
    if (key === 'intoClause') throw new QueryRefusal('it writes a table (INTO)');
    if (key === 'typeName' && isJsonObject(value)) this.#checkType(value);
    if (key === 'pathspec' && isJsonObject(value) && value.string) refuseSlowPath(value.string);
    if (key === 'func' && isJsonObject(value) && value.funcname) this.#addFunction(value);
    if (key === 'useOp' || key === 'operName') this.#addCall('operator', value);
    // A part of UNION, or a side of a join.
    if (/^[lr]arg$/.test(key) && isJsonObject(value)) this.#countSelect(value);
    this.#walkValue(value);
  }

  /** Counts a SELECT that is not merely a UNION of others. */
  #countSelect({ op }: JsonObject): void {
    if (op === 'SETOP_NONE') this.#counts.add('selects');
  }

  #addTable({ catalogname, schemaname, relname }: JsonObject): void {
    this.#counts.add('tables');
    this.tables.push({ name: String(relname), schema: schemaname ? String(schemaname) : null });
    const whole = [catalogname, schemaname, relname].filter(Boolean).join('.');
    if (catalogname) throw new QueryRefusal(`${whole} names a database`, 'Write schema.table.');
    // Every system table is found without its schema, regardless of the search path.
    if (schemaname) this.#checkSchema(String(schemaname), whole);
    else if (/^pg_/.test(String(relname))) this.#checkSchema('pg_catalog', whole);
  }

  #addFunction(node: JsonObject): void {
    const { funcname, agg_order, agg_distinct, over } = node;
    refuseLongArguments(node);
    if (agg_order || agg_distinct || over) this.#counts.add('sorts');
    this.#addCall('function', funcname);
  }

  #addOperator(node: JsonObject): void {
    const { name, kind } = node;
    refuseLongOperands(node);
    // For the other kinds (IN, BETWEEN, LIKE …) the grammar sets the name.
    if (['AEXPR_OP', 'AEXPR_OP_ANY', 'AEXPR_OP_ALL'].includes(String(kind))) {
      this.#addCall('operator', name);
    }
  }

  #addCall(kind: QueryCall['kind'], list: Json | undefined): void {
    const names = namesOf(list);
    const name = names.at(-1);
    if (name === undefined) return;
    const schema = names.length > 1 ? (names.at(-2) as string) : null;
    if (schema !== null && schema !== 'pg_catalog') this.#checkSchema(schema, `${schema}.${name}`);
    this.calls.push(callOf(name, schema, kind));
  }

  #addFields(names: string[]): void {
    for (const name of names) this.calls.push(callOf(name, null, 'field'));
  }

  #checkCast(node: JsonObject): void {
    if (isShortCast(node)) this.#fastTypes.add(node.typeName as JsonObject);
  }

  #checkType(type: JsonObject): void {
    const { names: list, typmods } = type;
    if (!this.#fastTypes.has(type)) refuseSlowType(list);
    const names = namesOf(list);
    refusePadding(names.at(-1), typmods);
    const schema = names.length > 1 ? names.at(-2) : undefined;
    if (schema !== undefined && schema !== 'pg_catalog') this.#checkSchema(schema, names.join('.'));
    if (/^_?reg/.test(names.at(-1) ?? '')) {
      throw new QueryRefusal(`the type ${names.at(-1)} is not for queries`);
    }
  }

  #checkSchema(schema: string, whole: string): void {
    if (SYSTEM.test(schema)) {
      throw new QueryRefusal(`${whole} belongs to the system`, CATALOGUE_HINT);
    }
    const schemas = this.#schemas;
    if (schemas && !schemas.includes(schema)) {
      const allowed = `The schemas it may read: ${schemas.join(', ') || 'none'}. ${CATALOGUE_HINT}`;
      throw new QueryRefusal(`${whole} is in none of the schemas this tool may read`, allowed);
    }
  }
}

function callOf(name: string, schema: string | null, kind: QueryCall['kind']): QueryCall {
  const knowledge = kind === 'field' && isSlowField(name) ? 'unknown' : knowledgeOf(name);
  const is_bounded = knowledge === 'bounded';
  return { name, schema, kind, is_known: is_bounded || knowledge === 'known', is_bounded };
}

/** The longest length of a type that pads its values. */
const MAX_PADDED = 10_000;

function refusePadding(type: string | undefined, typmods: Json | undefined): void {
  if (type !== 'bpchar' && type !== 'bit') return;
  for (const digits of JSON.stringify(typmods ?? []).match(/\d+/g) ?? []) {
    if (Number(digits) > MAX_PADDED) {
      throw new QueryRefusal(
        `the type ${type}(${digits}) pads values to more than ${MAX_PADDED} characters`,
        'Use text.',
      );
    }
  }
}

function refuseRepeatedPlan({ ctematerialized }: JsonObject): void {
  if (ctematerialized !== 'CTEMaterializeNever') return;
  throw new QueryRefusal(
    'it has a CTE that is NOT MATERIALIZED, which is planned again at each place that names it',
    'Leave out NOT MATERIALIZED.',
  );
}

function refuseOtherSamples({ method }: JsonObject): void {
  const name = namesOf(method).at(-1) ?? '';
  if (!SAMPLES.includes(name))
    throw new QueryRefusal(`it samples by ${name}`, SAMPLES.join(' or '));
}

function refuseServerValues({ op }: JsonObject): void {
  if (!/^SVFOP_(CURRENT_(DATE|TIME)|LOCALTIME)/.test(String(op))) {
    throw new QueryRefusal('it asks who is asking, which tells of the server');
  }
}

/** Converts the kind of a node to words for people: `DeleteStmt` → `DELETE`. */
function wordsOf(kind: string): string {
  const words = kind.replace(/Stmt$/, '').replace(/([a-z])([A-Z])/g, '$1 $2');
  return words === '' ? 'nothing' : words.toUpperCase();
}

/** Returns the names in a list of the parser, such as `[{"String": {"sval": "shop"}}]`. */
function namesOf(list: Json | undefined): string[] {
  return (Array.isArray(list) ? list : []).flatMap((entry) => {
    const string = isJsonObject(entry) ? entry.String : undefined;
    return isJsonObject(string) ? [String(string.sval ?? '')] : [];
  });
}

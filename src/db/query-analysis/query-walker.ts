import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';

/**
 * A function, operator or field that a query calls. A name without a schema is found by the search
 * path. A field may be a function: `(5).pg_sleep` sleeps.
 */
export type Call = { name: string; schema: string | null; kind: 'function' | 'operator' | 'field' };

/**
 * A table that a query names. A name without a schema is found by the search path, or is a CTE of
 * the query.
 */
export type TableName = { name: string; schema: string | null };

/**
 * Limits of one query. The planner takes memory and time in the square of the joined tables and
 * hardly checks for cancellation. A sort may take all of work_mem. The parser's tree is therefore
 * counted before the server sees the query.
 */
const BOUNDS = {
  tables: { most: 30, advice: 'Join fewer tables, or split the query.' },
  selects: { most: 30, advice: 'Split the query, or write many rows of values as VALUES.' },
  levels: { most: 8, advice: 'Write sub-selects side by side in a WITH clause.' },
  sorts: {
    most: 30,
    advice: 'Use fewer window functions, and aggregates with DISTINCT or ORDER BY.',
  },
} as const;

const COUNTED: Readonly<Record<keyof typeof BOUNDS, string>> = {
  tables: 'tables',
  selects: 'SELECTs, sub-selects and parts of UNION among them',
  levels: 'levels of sub-selects',
  sorts: 'window functions and sorted or distinct aggregates',
};

/** The reason why a query is not run. */
export class Refusal extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * All kinds of nodes that a query may contain. Any other node writes, locks, or is not known to do
 * neither.
 */
const NODES = new Set(
  `SelectStmt ResTarget ColumnRef A_Star String Integer Float Boolean BitString A_Const A_Expr BoolExpr FuncCall
  TypeCast TypeName NullTest BooleanTest CaseExpr CaseWhen CoalesceExpr MinMaxExpr SubLink A_ArrayExpr A_Indirection
  A_Indices RowExpr RangeVar RangeSubselect RangeFunction RangeTableSample JoinExpr SortBy GroupingSet GroupingFunc WindowDef
  CommonTableExpr ColumnDef List NamedArgExpr CollateClause SQLValueFunction JsonIsPredicate JsonObjectConstructor JsonArrayConstructor
  JsonArrayQueryConstructor JsonObjectAgg JsonArrayAgg JsonAggConstructor JsonKeyValue JsonValueExpr JsonFuncExpr JsonTable
  JsonTableColumn JsonTablePathSpec JsonArgument JsonBehavior JsonParseExpr JsonScalarExpr JsonSerializeExpr`.split(
    /\s+/,
  ),
);

const WRITES: Readonly<Record<string, string>> = {
  LockingClause: 'it locks rows (FOR UPDATE, FOR SHARE)',
  ParamRef: 'it has a parameter ($1), and there is nothing to put there: write the value',
};

const SAMPLES = ['bernoulli', 'system'];
const SYSTEM = /^(pg_.*|information_schema|howdah_private|graphile_worker)$/;
const CATALOGUE_HINT = 'Send the query `describe` to see which tables there are.';

export type Walk = { calls: Call[]; tables: TableName[]; statement(statement: JsonObject): void };

/**
 * Walks a tree of the parser, refuses forbidden nodes, and collects the functions and tables it
 * names.
 */
export function createWalk(schemas: readonly string[] | null): Walk {
  const calls: Call[] = [];
  const tables: TableName[] = [];
  const counts = { tables: 0, selects: 0, levels: 0, sorts: 0 };
  let level = 0;

  /** Counts a SELECT that is not merely a UNION of others. */
  const countSelect = ({ op }: JsonObject): void => {
    if (op === 'SETOP_NONE') counts.selects += 1;
  };

  /** Refuses counts over a limit, and reports the whole count rather than the first one over it. */
  const refuseTooMany = (): void => {
    for (const [what, { most, advice }] of Object.entries(BOUNDS)) {
      const found = counts[what as keyof typeof BOUNDS];
      if (found > most) {
        const words = COUNTED[what as keyof typeof BOUNDS];
        throw new Refusal(`it has ${found} ${words}, at most ${most} are allowed`, advice);
      }
    }
  };

  const statement = (found: JsonObject): void => {
    const [kind = ''] = Object.keys(found);
    if (kind !== 'SelectStmt') {
      throw new Refusal(`it must be a SELECT, not ${wordsOf(kind)}`, 'Only reading is allowed.');
    }
    value(found);
    refuseTooMany();
  };

  const value = (found: Json | undefined): void => {
    if (Array.isArray(found)) {
      for (const entry of found) value(entry);
      return;
    }
    if (!isJsonObject(found)) return;
    for (const [key, child] of Object.entries(found)) {
      if (/^[A-Z]/.test(key)) node(key, child as JsonObject);
      else field(key, child as Json);
    }
  };

  const node = (kind: string, found: JsonObject): void => {
    if (!NODES.has(kind)) throw new Refusal(WRITES[kind] ?? `it contains ${wordsOf(kind)}`);
    judge[kind]?.(found);
    if (kind !== 'SelectStmt') {
      value(found);
      return;
    }
    level += 1;
    counts.levels = Math.max(counts.levels, level);
    value(found);
    level -= 1;
  };

  const field = (key: string, found: Json): void => {
    if (key === 'intoClause') throw new Refusal('it writes a table (INTO)');
    if (key === 'typeName' && isJsonObject(found)) typeName(found);
    if (key === 'func' && isJsonObject(found) && found.funcname) judge.FuncCall?.(found);
    if (key === 'useOp' || key === 'operName') call('operator', found);
    // A part of UNION, or a side of a join.
    if (/^[lr]arg$/.test(key) && isJsonObject(found)) countSelect(found);
    value(found);
  };

  const call = (kind: Call['kind'], list: Json | undefined): void => {
    const names = namesOf(list);
    const name = names.at(-1);
    if (name === undefined) return;
    const schema = names.length > 1 ? (names.at(-2) as string) : null;
    if (schema !== null && schema !== 'pg_catalog') allow(schema, `${schema}.${name}`);
    calls.push({ name, schema, kind });
  };

  const mayCall = (names: string[]): void => {
    for (const name of names) calls.push({ name, schema: null, kind: 'field' });
  };

  const typeName = (found: JsonObject): void => {
    const names = namesOf(found.names);
    const schema = names.length > 1 ? names.at(-2) : undefined;
    if (schema !== undefined && schema !== 'pg_catalog') allow(schema, names.join('.'));
    if (/^_?reg/.test(names.at(-1) ?? ''))
      throw new Refusal(`the type ${names.at(-1)} is not for queries`);
  };

  const allow = (schema: string, whole: string): void => {
    if (SYSTEM.test(schema)) {
      throw new Refusal(`${whole} belongs to the system`, CATALOGUE_HINT);
    }
    if (schemas && !schemas.includes(schema)) {
      const allowed = `The schemas it may read: ${schemas.join(', ') || 'none'}. ${CATALOGUE_HINT}`;
      throw new Refusal(`${whole} is in none of the schemas this tool may read`, allowed);
    }
  };

  const judge: Readonly<Record<string, (found: JsonObject) => void>> = {
    SelectStmt: countSelect,
    CommonTableExpr: ({ ctematerialized }) => {
      if (ctematerialized === 'CTEMaterializeNever') {
        throw new Refusal(
          'it has a CTE that is NOT MATERIALIZED, which is planned again at each place that names it',
          'Leave out NOT MATERIALIZED.',
        );
      }
    },
    RangeFunction: () => {
      counts.tables += 1;
    },
    JsonTable: () => {
      counts.tables += 1;
    },
    RangeVar: ({ catalogname, schemaname, relname }) => {
      counts.tables += 1;
      tables.push({ name: String(relname), schema: schemaname ? String(schemaname) : null });
      const whole = [catalogname, schemaname, relname].filter(Boolean).join('.');
      if (catalogname) throw new Refusal(`${whole} names a database`, 'Write schema.table.');
      // Every system table is found without its schema, regardless of the search path.
      if (schemaname) allow(String(schemaname), whole);
      else if (/^pg_/.test(String(relname))) allow('pg_catalog', whole);
    },
    FuncCall: ({ funcname, agg_order, agg_distinct, over }) => {
      if (agg_order || agg_distinct || over) counts.sorts += 1;
      call('function', funcname);
    },
    ColumnRef: ({ fields }) => mayCall(namesOf(fields).slice(1)),
    A_Indirection: ({ indirection }) => mayCall(namesOf(indirection)),
    RangeTableSample: ({ method }) => {
      const name = namesOf(method).at(-1) ?? '';
      if (!SAMPLES.includes(name)) throw new Refusal(`it samples by ${name}`, SAMPLES.join(' or '));
    },
    A_Expr: ({ name, kind }) => {
      // For the other kinds (IN, BETWEEN, LIKE …) the grammar sets the name.
      if (['AEXPR_OP', 'AEXPR_OP_ANY', 'AEXPR_OP_ALL'].includes(String(kind)))
        call('operator', name);
    },
    TypeName: typeName,
    SQLValueFunction: ({ op }) => {
      if (!/^SVFOP_(CURRENT_(DATE|TIME)|LOCALTIME)/.test(String(op))) {
        throw new Refusal('it asks who is asking, which tells of the server');
      }
    },
  };

  return { calls, tables, statement };
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

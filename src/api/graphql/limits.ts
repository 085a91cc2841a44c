import './environment.ts';
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationRule,
} from 'postgraphile/graphql';

/** What an operation may be; fragments count as often as they are spread. */
const LIMITS = {
  /** Levels of fields, without introspection. */
  depth: { most: 13, what: 'levels' },
  /** Levels below `__schema` and `__type`, without `ofType`; lists in lists are graphql-js's own rule. */
  introspection: { most: 10, what: 'levels of introspection' },
  fields: { most: 1_000, what: 'fields' },
  aliases: { most: 60, what: 'aliases' },
  roots: { most: 30, what: 'fields at its top' },
  directives: { most: 50, what: 'directives' },
  /** Pages in pages multiply: what the operation may read, by its page sizes. */
  rows: { most: 200_000, what: 'rows to read' },
  /** Each may have 8 MB, and a page of them holds as many in memory as `first` says. */
  files: { most: 8, what: 'bytes of files to read' },
} as const;

type Limit = keyof typeof LIMITS;
/** `pages`: the set holds the rows of a page, whose size its field says. */
type Measures = Record<Limit | 'pages', number>;
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

const UNWRITTEN_ROWS = 10;
const MOST_CHARACTERS = 100_000;
/** Nobody looks deeper than this: it is refused anyway. */
const ABYSS = 100;
const nothing: Measures = {
  depth: 0,
  introspection: 0,
  fields: 0,
  aliases: 0,
  roots: 0,
  directives: 0,
  rows: 0,
  files: 0,
  pages: 0,
};

/** Refuses a text before it is parsed. */
export function refuseLongText(text: string): GraphQLError | undefined {
  if (text.length <= MOST_CHARACTERS) return undefined;
  return refusal('size', text.length, MOST_CHARACTERS, 'characters');
}

/**
 * The rules with the limits before them. A document beyond a limit hears of that alone: rules such as
 * OverlappingFieldsCanBeMerged take time in the square of its size.
 */
export function limited(rules: readonly ValidationRule[]): ValidationRule[] {
  const found = new WeakMap<DocumentNode, GraphQLError[]>();
  const errorsOf = (document: DocumentNode) => {
    const errors = found.get(document) ?? excesses(document);
    found.set(document, errors);
    return errors;
  };
  const limits: ValidationRule = (context) => {
    for (const error of errorsOf(context.getDocument())) context.reportError(error);
    return {};
  };
  const only = (rule: ValidationRule): ValidationRule => {
    return (context) => (errorsOf(context.getDocument()).length > 0 ? {} : rule(context));
  };
  return [limits, ...rules.map(only)];
}

function excesses({ definitions }: DocumentNode): GraphQLError[] {
  const fragments: Fragments = new Map(
    definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [],
    ),
  );
  const measuring = { fragments, known: new Map() };
  return definitions.flatMap((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return [];
    const measures = measureSet(definition.selectionSet, measuring);
    return (Object.keys(LIMITS) as Limit[]).flatMap((limit) => {
      const { most, what } = LIMITS[limit];
      return measures[limit] > most ? [refusal(limit, measures[limit], most, what)] : [];
    });
  });
}

function refusal(limit: string, found: number, most: number, what: string): GraphQLError {
  const extensions = { code: 'HWINV', detail: { limit, found, most } };
  const message = `the operation has ${found} ${what}, at most ${most} are allowed`;
  return new GraphQLError(message, { extensions });
}

/** Each fragment is measured once, so that the time is linear whatever the spreads multiply to. */
type Measuring = { fragments: Fragments; known: Map<string, Measures> };

function measureSet(set: SelectionSetNode, measuring: Measuring, level = 0): Measures {
  if (level > ABYSS) return { ...nothing, depth: ABYSS };
  return set.selections.reduce((sum, selection) => {
    const inner = measureSelection(selection, measuring, level + 1);
    const directives = inner.directives + (selection.directives?.length ?? 0);
    return add(sum, { ...inner, directives });
  }, nothing);
}

function measureSelection(selection: SelectionNode, measuring: Measuring, level: number): Measures {
  switch (selection.kind) {
    case Kind.FIELD:
      return measureField(selection, measuring, level);
    case Kind.INLINE_FRAGMENT:
      return measureSet(selection.selectionSet, measuring, level);
    case Kind.FRAGMENT_SPREAD:
      return measureFragment(selection.name.value, measuring, level);
  }
}

function measureField(field: FieldNode, measuring: Measuring, level: number): Measures {
  const inner = field.selectionSet ? measureSet(field.selectionSet, measuring, level) : nothing;
  const name = field.name.value;
  const isMeta = name.startsWith('__');
  const isPage = name === 'nodes' || name === 'edges';
  return {
    depth: isMeta ? 0 : inner.depth + (name === 'ofType' ? 0 : 1),
    introspection: isMeta ? inner.depth : inner.introspection,
    fields: inner.fields + 1,
    aliases: inner.aliases + (field.alias ? 1 : 0),
    roots: 1,
    directives: inner.directives,
    rows: inner.pages > 0 ? pageSize(field) * (1 + inner.rows) : inner.rows,
    files: (inner.pages > 0 ? pageSize(field) : 1) * inner.files + (name === 'bytes' ? 1 : 0),
    pages: isPage ? 1 : 0,
  };
}

/** A page whose size is not written counts as a small one: depth is bounded already, and most pages are not full. */
function pageSize({ arguments: given = [] }: FieldNode): number {
  const size = given.find(({ name }) => name.value === 'first' || name.value === 'last')?.value;
  return size?.kind === Kind.INT ? Math.max(0, Number(size.value)) : UNWRITTEN_ROWS;
}

function measureFragment(name: string, measuring: Measuring, level: number): Measures {
  const { fragments, known } = measuring;
  const measures = known.get(name);
  if (measures) return measures;
  known.set(name, nothing); // a circle is another rule's business
  const fragment = fragments.get(name);
  const result = fragment ? measureSet(fragment.selectionSet, measuring, level) : nothing;
  known.set(name, result);
  return result;
}

/** Side by side, levels do not add up. */
function add(a: Measures, b: Measures): Measures {
  return {
    depth: Math.max(a.depth, b.depth),
    introspection: Math.max(a.introspection, b.introspection),
    fields: a.fields + b.fields,
    aliases: a.aliases + b.aliases,
    roots: a.roots + b.roots,
    directives: a.directives + b.directives,
    rows: a.rows + b.rows,
    files: a.files + b.files,
    pages: Math.max(a.pages, b.pages),
  };
}

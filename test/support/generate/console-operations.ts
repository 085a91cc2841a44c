import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildSchema,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  Source,
  stripIgnoredCharacters,
  typeFromAST,
  validate,
  visit,
} from 'graphql';

/** A file of operations of the console. */
export type OperationFile = { path: string; text: string };

/** Reads the operations in a folder and its subfolders. */
export function readOperations(folder: string): OperationFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.graphql'))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));
}

const SCALARS: Readonly<Record<string, string>> = {
  Boolean: 'boolean',
  Float: 'number',
  Int: 'number',
  JSON: 'Json',
};

/**
 * Renders the operations of the console with the types of their variables and results. Throws if an
 * operation does not fit the schema, so that the console cannot ask for what the API lacks.
 */
export function consoleOperations(sdl: string, files: readonly OperationFile[]): string {
  const schema = buildSchema(sdl, { assumeValidSDL: true });
  const documents = files.map(({ path, text }) => parse(new Source(text, path)));
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: documents.flatMap(({ definitions }) => definitions),
  };
  const faults = validate(schema, document);
  if (faults.length > 0) throw new Error(faults.map(String).join('\n\n'));
  const fragments = document.definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION);
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  const types = new Types(schema);
  const written = [
    ...fragments.map((fragment) => types.fragment(fragment)),
    ...operations.map((operation) => types.operation(operation, fragments)),
  ];
  return [
    '// Generated from the .graphql files of src/console and the GraphQL schema: npm run generate.',
    '',
    "import type { Json } from '../../json/json.ts';",
    "import type { Operation } from './operation.ts';",
    '',
    ...types.inputs(),
    ...written,
  ].join('\n');
}

/** Writes the types of a schema that operations use. */
class Types {
  readonly #schema: GraphQLSchema;
  readonly #used = new Map<string, string>();

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** Returns the enums and the input types that were used. */
  inputs(): string[] {
    return [...this.#used].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => `${text}\n`);
  }

  fragment({ name, typeCondition, selectionSet }: FragmentDefinitionNode): string {
    const on = this.#schema.getType(typeCondition.name.value);
    if (!on) throw new Error(`the fragment ${name.value} is on an unknown type`);
    return `export type ${name.value} = ${this.#selection(on, selectionSet)};\n`;
  }

  operation(node: OperationDefinitionNode, all: readonly FragmentDefinitionNode[]): string {
    const name = node.name?.value ?? '';
    const root = this.#schema.getRootType(node.operation);
    if (name === '' || !root) throw new Error('each operation of the console has a name');
    const variables = (node.variableDefinitions ?? []).map(({ variable, type }) => {
      const input = typeFromAST(this.#schema, type as never) as GraphQLInputType;
      return `${variable.name.value}${isNonNullType(input) ? '' : '?'}: ${this.#input(input, 0)}`;
    });
    const text = [node, ...fragmentsOf(node, all)].map(print).join('\n');
    const value = `${name[0]?.toLowerCase()}${name.slice(1)}`;
    return [
      `export type ${name} = ${this.#selection(root, node.selectionSet)};`,
      `export type ${name}Variables = { ${variables.join('; ')} };`,
      `export const ${value}: Operation<${name}, ${name}Variables> = {`,
      `  name: '${name}',`,
      `  text: ${JSON.stringify(stripIgnoredCharacters(text))},`,
      '};',
      '',
    ].join('\n');
  }

  #selection(on: GraphQLNamedType, { selections }: SelectionSetNode): string {
    if (!isObjectType(on)) throw new Error(`the console selects from objects, not from ${on.name}`);
    const fields = selections.filter((one) => one.kind === Kind.FIELD);
    const spreads = selections.filter((one) => one.kind === Kind.FRAGMENT_SPREAD);
    if (fields.length + spreads.length < selections.length) {
      throw new Error('the console uses named fragments only');
    }
    const own = fields.map((field) => this.#field(on.getFields()[field.name.value]?.type, field));
    const members = own.length > 0 || spreads.length === 0 ? [`{ ${own.join('; ')} }`] : [];
    return [...members, ...spreads.map(({ name }) => name.value)].join(' & ');
  }

  #field(type: GraphQLOutputType | undefined, field: FieldNode): string {
    const isOptional = field.directives?.some(({ name }) => name.value !== 'deprecated');
    const key = `${(field.alias ?? field.name).value}${isOptional ? '?' : ''}`;
    if (field.name.value === '__typename' || !type) return `${key}: string`;
    return `${key}: ${this.#output(type, field.selectionSet)}`;
  }

  #output(type: GraphQLOutputType, selection: SelectionSetNode | undefined): string {
    if (isNonNullType(type)) return this.#present(type.ofType, selection);
    return `${this.#present(type, selection)} | null`;
  }

  #present(type: GraphQLOutputType, selection: SelectionSetNode | undefined): string {
    if (isNonNullType(type)) return this.#present(type.ofType, selection);
    if (isListType(type)) return `(${this.#output(type.ofType, selection)})[]`;
    if (selection) return this.#selection(getNamedType(type), selection);
    return this.#leaf(getNamedType(type));
  }

  #input(type: GraphQLInputType, depth: number): string {
    if (!isNonNullType(type)) return `${this.#given(type, depth)} | null`;
    return this.#given(type.ofType, depth);
  }

  #given(type: GraphQLInputType, depth: number): string {
    if (isNonNullType(type)) return this.#given(type.ofType, depth);
    if (isListType(type)) return `(${this.#input(type.ofType, depth)})[]`;
    if (!isInputObjectType(type)) return this.#leaf(getNamedType(type));
    if (this.#used.has(type.name)) return type.name;
    this.#used.set(type.name, '');
    const fields = Object.values(type.getFields()).filter((field) => {
      const named = getNamedType(field.type);
      return !isInputObjectType(named) || !isTooDeep(named.name, named.getFields(), depth);
    });
    const members = fields.map(
      (field) =>
        `  ${field.name}${isNonNullType(field.type) ? '' : '?'}: ${this.#input(field.type, depth + 1)};`,
    );
    this.#used.set(type.name, [`export type ${type.name} = {`, ...members, '};'].join('\n'));
    return type.name;
  }

  #leaf(type: GraphQLNamedType): string {
    if (isEnumType(type)) {
      const labels = type.getValues().map(({ name }) => `'${name}'`);
      this.#used.set(type.name, `export type ${type.name} = ${labels.join(' | ')};`);
      return type.name;
    }
    if (!isScalarType(type)) throw new Error(`${type.name} has fields, and none is selected`);
    return SCALARS[type.name] ?? 'string';
  }
}

/**
 * Returns whether a filter is left out of the types: a filter of a relation of a relation, or of
 * the rows that belong to a row. The schema has hundreds of these.
 */
function isTooDeep(name: string, fields: Readonly<Record<string, unknown>>, depth: number) {
  return /ToMany/.test(name) || (depth > 0 && 'and' in fields && 'not' in fields);
}

/** Returns the fragments that an operation needs, also those that other fragments need. */
function fragmentsOf(
  operation: OperationDefinitionNode,
  all: readonly FragmentDefinitionNode[],
): FragmentDefinitionNode[] {
  const needed = new Set<FragmentDefinitionNode>();
  const collect = (node: OperationDefinitionNode | FragmentDefinitionNode) => {
    visit(node, {
      FragmentSpread({ name }) {
        const found = all.find((one) => one.name.value === name.value);
        if (!found || needed.has(found)) return;
        needed.add(found);
        collect(found);
      },
    });
  };
  collect(operation);
  return [...needed];
}

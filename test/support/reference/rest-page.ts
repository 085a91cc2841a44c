import type { JsonObject } from '../../../src/json/json.ts';
import { cell, code, codeCell, escapeProse, page, type ReferencePage, table } from './markdown.ts';

type Parameter = { name: string; in: string; required?: boolean; description?: string };
type Schema = {
  properties?: Record<string, { description?: string }>;
  required?: string[];
  allOf?: { anyOf?: { required?: string[] }[] }[];
  $ref?: string;
};
type Body = { content?: Record<string, { schema?: Schema }> };
type Operation = {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  parameters?: Parameter[];
  requestBody?: Body;
  responses: Record<string, { description: string }>;
};
type Document = {
  tags: { name: string; 'x-displayName': string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};

/** Renders the operations of REST, from the OpenAPI document. */
export function restPage(document: JsonObject): ReferencePage {
  const { tags, paths, components } = document as unknown as Document;
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      title: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const sections = tags.flatMap(({ name, 'x-displayName': title }) => {
    const own = all.filter(({ operation }) => operation.tags.includes(name));
    const list = table(
      ['operation', 'does', 'name'],
      own.map(({ title: heading, operation }) => [
        code(heading),
        cell(operation.summary),
        code(operation.operationId),
      ]),
    );
    return own.length === 0
      ? []
      : [
          `## ${title}`,
          list,
          ...own.flatMap(({ title: heading, operation }) =>
            detailsOf(heading, operation, components.schemas),
          ),
        ];
  });
  return page('rest.md', {
    title: 'REST operations',
    source: 'the routes of src/api',
    parts: [INTRO, ...sections],
  });
}

const INTRO =
  'Each operation with its parameters and fields. [REST](../rest.md) describes pages, tags, errors and streams. The ' +
  'OpenAPI document with all types is at `/openapi.json`, and pages that show it are at `/docs` and `/docs/reference`. The name of an ' +
  'operation is that of `call()` in the [TypeScript client](../embedding.md).';

function detailsOf(
  heading: string,
  { description, parameters = [], requestBody }: Operation,
  schemas: Readonly<Record<string, Schema>>,
): string[] {
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
  const body = schema?.$ref ? schemas[schema.$ref.split('/').at(-1) ?? ''] : schema;
  const rows = [
    ...parameters
      .filter(({ in: place }) => place !== 'header')
      .map((one) => [codeCell(one.name), one.in, textOf(one.description, one.required)]),
    ...fieldsOf(body),
  ];
  if (rows.length === 0 && description === undefined) return [];
  return [
    `### ${code(heading)}`,
    ...(description === undefined ? [] : [escapeProse(description)]),
    ...(rows.length === 0 ? [] : [table(['name', 'in', 'meaning'], rows)]),
  ];
}

function fieldsOf(schema: Schema | undefined): string[][] {
  // one of several names of a field is required: the first is ours
  const oneOf = schema?.allOf?.flatMap(({ anyOf }) => anyOf?.[0]?.required ?? []) ?? [];
  const required = [...(schema?.required ?? []), ...oneOf];
  return Object.entries(schema?.properties ?? {}).map(([name, field]) => [
    codeCell(name),
    'body',
    textOf(field.description, required.includes(name)),
  ]);
}

function textOf(description = '', isRequired = false): string {
  const text = cell(description).replace(/[^.:…]$/, '$&.');
  return [text, ...(isRequired ? ['Required.'] : [])].filter(Boolean).join(' ');
}

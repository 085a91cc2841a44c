import type { CellPlace } from '../../lists/list-cell.tsx';
import { fieldOf, type ResourceType, type RowField, titleFieldsOf } from '../resource-types.ts';
import { labelOfShown } from './units.ts';

/** A column of a list of rows, besides the title of the rows. */
export type Column = {
  name: string;
  field: RowField | undefined;
  label: string;
  /** Pixels on a wide screen; undefined to share what is left. */
  width: number | undefined;
  /** True for numbers, which stand below each other. */
  isFigure: boolean;
  /** Where a phone shows it. */
  place: CellPlace;
};

/** Fields that a phone shows beside the name: what people look for first. */
const BESIDE: readonly string[] = [
  ...['status', 'state', 'role', 'kind', 'purpose', 'scope', 'place', 'action', 'provider'],
];
/** Fields whose texts may be long, so that a phone gives one of them a line for itself. */
const LONG: readonly string[] = [
  ...['description', 'input', 'content', 'pattern', 'configuration', 'comment'],
];

/** Returns the head of the title, and the other columns as wide and narrow screens show them. */
export function columnsOf(type: ResourceType): { title: string; columns: Column[] } {
  const titles = titleFieldsOf(type);
  const names = type.list.filter((name) => name !== 'id' && !titles.includes(name));
  const find = (wanted: readonly string[]) => wanted.find((name) => names.includes(name));
  const side = find(BESIDE);
  const long = find(LONG);
  const placeOf = (name: string): CellPlace => {
    if (name === side) return 'side';
    return name === long ? 'text' : 'detail';
  };
  const columns = names.map((name): Column => {
    const field = fieldOf(type, name);
    return {
      ...{ name, field, label: field ? labelOfShown(field) : name, place: placeOf(name) },
      ...{ width: widthOf(field), isFigure: isFigure(field) },
    };
  });
  return { title: headOf(type, titles), columns };
}

function headOf(type: ResourceType, [first = 'id', ...others]: readonly string[]): string {
  const label = others.length === 0 ? fieldOf(type, first)?.label : undefined;
  return label ?? `${type.one.charAt(0).toUpperCase()}${type.one.slice(1)}`;
}

const isFigure = (field: RowField | undefined) =>
  field?.schema.type === 'integer' || field?.schema.type === 'number';

/** Returns the width of a column whose values are short, so that texts get the rest. */
function widthOf(field: RowField | undefined): number | undefined {
  const { type, format, enum: labels } = field?.schema ?? {};
  if (type === 'boolean') return 90;
  if (isFigure(field) || format === 'date-time') return 130;
  return Array.isArray(labels) ? 140 : undefined;
}

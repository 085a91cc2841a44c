import { MultiSelect, PasswordInput, Select, TagsInput, Textarea, TextInput } from '@mantine/core';
import { rowTexts } from '../../messages/row-texts.ts';
import { labelOfInput } from '../list/units.ts';
import type { ResourceType, RowField } from '../resource-types.ts';
import { choicesOf, kindOf, type Written } from './form-values.ts';
import { RowList, RowSelect } from './row-picker.tsx';

type FieldInputProps = {
  field: RowField;
  type: ResourceType;
  types: readonly ResourceType[];
  value: Written;
  change(value: Written): void;
  error: string | undefined;
};

/** The input of one field: a text, a number, a choice, a time, rows of another kind, or JSON. */
export function FieldInput({ field, type, types, value, change, error }: FieldInputProps) {
  const kind = kindOf(field, type.name_field);
  const shared = {
    label: labelOfInput(field),
    description: isTelling(field.description) ? field.description : undefined,
    inputWrapperOrder: WRAPPER_ORDER,
    withAsterisk: field.is_required,
    error,
    'data-field': field.name,
  };
  const list = Array.isArray(value) ? value : [];
  const text = Array.isArray(value) ? '' : value;
  const refersTo = types.find(({ name }) => name === field.references?.resource);
  if (kind === 'row' && refersTo) {
    return <RowSelect {...shared} field={field} type={refersTo} value={text} change={change} />;
  }
  if (kind === 'rows' && refersTo) {
    return <RowList {...shared} field={field} type={refersTo} value={list} change={change} />;
  }
  if (kind === 'choices') {
    return <MultiSelect {...shared} data={choicesOf(field)} value={list} onChange={change} />;
  }
  if (kind === 'words' || kind === 'rows') {
    return <TagsInput {...shared} value={list} onChange={change} />;
  }
  if (kind === 'choice' || kind === 'boolean') {
    return (
      <Choice {...shared} field={field} isBoolean={kind === 'boolean'} {...{ text, change }} />
    );
  }
  return <TextField {...shared} kind={kind} {...{ text, change }} />;
}

/** The description stands below, so that inputs side by side are in one line. */
const WRAPPER_ORDER: ('label' | 'input' | 'description' | 'error')[] = [
  ...(['label', 'input', 'description', 'error'] as const),
];

/** Returns whether a description says more than the label: `The name.` does not. */
const isTelling = (description: string) => !/^(The( \w+){1,2}\.?)?$/.test(description);

type ChoiceProps = {
  field: RowField;
  isBoolean: boolean;
  text: string;
  change(value: Written): void;
};

function Choice({ field, isBoolean, text, change, ...shared }: ChoiceProps) {
  const data = isBoolean
    ? [
        { value: 'true', label: rowTexts.yes },
        { value: 'false', label: rowTexts.no },
      ]
    : choicesOf(field);
  return (
    <Select
      {...shared}
      data={data}
      value={text || null}
      placeholder={field.is_required ? rowTexts.choose : rowTexts.byDefault}
      clearable={!field.is_required}
      onChange={(next) => change(next ?? '')}
    />
  );
}

/** Texts of several lines, for which the form has room from the beginning. */
const LONG_TEXTS: readonly string[] = ['content', 'input', 'instruction', 'query', 'template'];

type TextFieldProps = {
  kind: string;
  text: string;
  change(value: Written): void;
  'data-field': string;
};

function TextField({ kind, text, change, ...shared }: TextFieldProps) {
  const props = {
    ...shared,
    value: text,
    onChange: (event: { currentTarget: { value: string } }) => change(event.currentTarget.value),
  };
  if (kind === 'password') return <PasswordInput {...props} autoComplete="new-password" />;
  if (kind === 'lines' || kind === 'json') {
    const isJson = kind === 'json';
    return (
      <Textarea
        {...props}
        autosize
        minRows={isJson || LONG_TEXTS.includes(shared['data-field']) ? 3 : 1}
        maxRows={20}
        spellCheck={!isJson}
        classNames={isJson ? { input: 'json-input' } : {}}
      />
    );
  }
  if (kind === 'time') return <TextInput {...props} type="datetime-local" step={1} />;
  return <TextInput {...props} inputMode={kind === 'number' ? 'decimal' : 'text'} />;
}

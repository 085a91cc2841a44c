import { Button, Loader, Modal, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { JsonObject } from '../../../json/json.ts';
import { messages } from '../../messages/messages.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { ValueView } from '../../parts/value-view.tsx';
import { listPath, rowPath } from '../paths.ts';
import { nameOf, type ResourceType } from '../resource-types.ts';
import { useRow } from '../use-row.ts';
import { RowForm } from './row-form.tsx';

type FormPageProps = { type: ResourceType; types: readonly ResourceType[] };

/** The page of a new row. Values that are shown only once are shown before the row. */
export function NewRowPage({ type, types }: FormPageProps) {
  const [, navigate] = useLocation();
  const [made, setMade] = useState<JsonObject>();
  const open = (row: JsonObject) => navigate(rowPath(type, String(row.id)));
  const once = type.fields.filter(
    ({ name, is_shown_once }) => is_shown_once && made?.[name] !== undefined && made[name] !== null,
  );
  const done = (row: JsonObject) => {
    const hasSecret = type.fields.some(
      ({ name, is_shown_once }) => is_shown_once && row[name] !== undefined && row[name] !== null,
    );
    if (hasSecret) setMade(row);
    else open(row);
  };
  return (
    <>
      <PageTitle title={rowTexts.new(type.one)} table={type.table} />
      <RowForm {...{ type, types, done }} cancel={() => navigate(listPath(type.name))} />
      <Modal
        opened={made !== undefined}
        onClose={() => made && open(made)}
        closeOnClickOutside={false}
        closeOnEscape={false}
        withCloseButton={false}
        title={rowTexts.onceTitle}
        size="lg"
      >
        <Stack gap="md">
          <Text size="sm">{rowTexts.onceText}</Text>
          {once.map(({ name, label }) => (
            <section key={name}>
              <Title order={3} size="h6" mb={4}>
                {label}
              </Title>
              <ValueView value={made?.[name] ?? null} label={label} />
            </section>
          ))}
          <Button onClick={() => made && open(made)}>{rowTexts.onceDone}</Button>
        </Stack>
      </Modal>
    </>
  );
}

/** The page on which a row is changed. */
export function EditRowPage({ type, types, id }: FormPageProps & { id: string }) {
  const [, navigate] = useLocation();
  const { row, failure, isLoading, reload } = useRow(type, id);
  const back = (to: string) => navigate(rowPath(type, to));
  return (
    <>
      <PageTitle
        title={row ? rowTexts.editTitle(nameOf(type, row.body)) : rowTexts.edit}
        table={type.table}
      />
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {row && (
        <RowForm
          {...{ type, types, row }}
          done={(changed) => back(String(changed.id ?? row.body.id))} // its name may be another now
          cancel={() => back(id)}
        />
      )}
    </>
  );
}

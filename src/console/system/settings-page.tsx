import { Button, Group, Loader, Modal, NumberInput, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { formatCount } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { systemTexts } from '../messages/system-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { useCall } from '../rows/use-call.ts';
import { useMayWrite } from '../server/me.tsx';
import { useRest } from '../server/rest.ts';
import type { Setting } from './answers.ts';
import { copyFunction } from './copy-function.ts';
import { type Column, PlainTable } from './plain-table.tsx';

const text = systemTexts.settings;
const { columns: names } = text;
const PATH = '/api/settings';

const FORMS = copyFunction({
  sql: 'select key, value, source, default_value, minimum, maximum\nfrom howdah.setting_values;',
  graphql: 'settingValues(first: 200) { nodes { key value source defaultValue } }',
  ...{ path: PATH, command: 'admin settings list' },
});

/** The settings of the tenant with their ranges. Who may change them has a form for each. */
export function SettingsPage() {
  const [words, setWords] = useState('');
  const [changing, setChanging] = useState<Setting>();
  const list = useRest<{ data: Setting[] }>(PATH);
  const mayWrite = useMayWrite('settings');
  const settings = list.data?.body.data;
  const found = settings?.filter(({ key, description }) =>
    `${key} ${description}`.toLowerCase().includes(words.trim().toLowerCase()),
  );
  const done = () => {
    setChanging(undefined);
    list.reload();
  };
  return (
    <>
      <PageTitle title={text.title} table={text.table}>
        <CopyAs forms={FORMS} />
      </PageTitle>
      <TextInput
        size="xs"
        mb="sm"
        maw={320}
        aria-label={text.search}
        placeholder={text.search}
        value={words}
        onChange={(event) => setWords(event.currentTarget.value)}
      />
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {list.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {found?.length === 0 && <Text size="sm">{text.none}</Text>}
      {found && found.length > 0 && (
        <PlainTable
          label={text.title}
          columns={mayWrite ? [...COLUMNS, changeColumn(setChanging)] : COLUMNS}
          rows={found}
          keyOf={({ key }) => key}
        />
      )}
      <Modal
        opened={changing !== undefined}
        onClose={() => setChanging(undefined)}
        title={changing?.key}
      >
        {changing && <SettingForm setting={changing} done={done} />}
      </Modal>
    </>
  );
}

const valueText = (value: number | null) => (value === null ? text.noLimit : formatCount(value));

const COLUMNS: readonly Column<Setting>[] = [
  {
    name: names.key,
    show: ({ key, description }) => (
      <>
        <Text size="sm" ff="monospace" fw={500}>
          {key}
        </Text>
        <Text size="xs" c="dimmed">
          {description}
        </Text>
      </>
    ),
  },
  { name: names.value, show: ({ value }) => valueText(value), isFigure: true },
  {
    name: names.source,
    show: ({ source, default_value }) => (
      <>
        {text.sources[source]}
        {source !== 'default' && (
          <Text size="xs" c="dimmed">
            {text.byDefault(valueText(default_value))}
          </Text>
        )}
      </>
    ),
  },
  {
    name: names.range,
    show: ({ minimum, maximum }) => text.range(formatCount(minimum), formatCount(maximum)),
    isFigure: true,
  },
];

const changeColumn = (choose: (setting: Setting) => void): Column<Setting> => ({
  name: text.change,
  show: (setting) => (
    <Button
      size="compact-xs"
      variant="default"
      onClick={() => choose(setting)}
      aria-label={`${text.change} ${setting.key}`}
    >
      {text.change}
    </Button>
  ),
  place: 'side',
  isPlain: true,
});

function SettingForm({ setting, done }: { setting: Setting; done(): void }) {
  const { key, description, minimum, maximum, source } = setting;
  const [value, setValue] = useState<number | string>(setting.value ?? '');
  const { call, failure, isBusy } = useCall(done);
  const path = `${PATH}/${encodeURIComponent(key)}`;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void call(path, { method: 'PUT', body: { value: Number(value) } });
      }}
    >
      <Stack gap="sm">
        <Text size="sm">{description}</Text>
        <NumberInput
          label={text.newValue(key)}
          description={text.range(formatCount(minimum), formatCount(maximum))}
          value={value}
          onChange={setValue}
          min={minimum}
          max={maximum}
          clampBehavior="none"
          hideControls
          required
          data-autofocus
          error={failure?.faults.value}
        />
        {failure && failure.faults.value === undefined && <FailureAlert failure={failure} />}
        <Group justify="flex-end" gap="xs">
          {source === 'tenant' && (
            <Button
              size="xs"
              variant="default"
              onClick={() => void call(path, { method: 'DELETE' })}
            >
              {text.reset}
            </Button>
          )}
          <Button size="xs" type="submit" loading={isBusy} disabled={value === ''}>
            {text.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

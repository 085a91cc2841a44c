import {
  Button,
  Group,
  Kbd,
  Menu,
  NumberInput,
  SegmentedControl,
  Stack,
  Text,
  Textarea,
} from '@mantine/core';
import { ChevronDown, Play } from 'lucide-react';
import { useRef, useState } from 'react';
import type { JsonObject } from '../../../json/json.ts';
import { formatCount } from '../../messages/format.ts';
import { systemTexts } from '../../messages/system-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { shortcutLabel } from '../../parts/use-keys.ts';
import { apiUrl } from '../../server/base-path.ts';
import { type Failure, toFailure } from '../../server/failure.ts';
import { callRest } from '../../server/rest.ts';
import { useIsAdmin } from '../rights.ts';
import { copyQuery } from './copy-query.ts';
import { DEFAULT_ROWS, MAX_ROWS, putQueryInUrl, queryInUrl } from './query-in-url.ts';
import { ResultChart } from './result-chart.tsx';
import { ResultTable } from './result-table.tsx';

const text = systemTexts.sql;
const PATH = '/api/sql';
const VIEWS = ['table', 'bars', 'line'] as const;
type View = (typeof VIEWS)[number];

type Result = { rows: JsonObject[]; cut_by: 'rows' | 'bytes' | null };

/** A page for one SELECT, with its rows as a table or a chart. */
export function SqlPage() {
  const isAdmin = useIsAdmin();
  if (isAdmin) return <QueryPage />;
  return (
    <>
      <PageTitle title={text.title} />
      <Text>{text.denied}</Text>
    </>
  );
}

function QueryPage() {
  const [shown] = useState(queryInUrl);
  const [query, setQuery] = useState<string>(shown?.query ?? text.example['Runs by status']);
  const [limit, setLimit] = useState<number | string>(shown?.limit ?? DEFAULT_ROWS);
  const { run, result, failure, isBusy } = useQuery();
  const start = () => {
    const asked = { query, limit: Number(limit) || 1 };
    putQueryInUrl(asked);
    void run(asked.query, asked.limit);
  };
  return (
    <>
      <PageTitle title={text.title}>
        <CopyAs forms={copyQuery(query, Number(limit) || 1, apiUrl(PATH))} />
      </PageTitle>
      <Stack gap="sm">
        <QueryField query={query} change={setQuery} start={start} />
        <Group gap="sm" align="flex-end">
          <Button
            size="xs"
            leftSection={<Play size={14} aria-hidden />}
            rightSection={<Kbd size="xs">{shortcutLabel('Enter')}</Kbd>}
            onClick={start}
            loading={isBusy}
            disabled={query.trim() === ''}
          >
            {text.run}
          </Button>
          <NumberInput
            size="xs"
            w={100}
            aria-label={text.limit}
            value={limit}
            onChange={setLimit}
            min={1}
            max={MAX_ROWS}
            suffix={` ${text.limit.toLowerCase()}`}
            hideControls
          />
          <Examples query={query} choose={setQuery} />
        </Group>
        {failure && <FailureAlert failure={failure} />}
        {result && <Answer result={result} />}
      </Stack>
    </>
  );
}

type QueryFieldProps = { query: string; change(query: string): void; start(): void };

/** The text of the query. Ctrl-Enter runs it. */
function QueryField({ query, change, start }: QueryFieldProps) {
  return (
    <Textarea
      label={text.query}
      description={text.hint}
      value={query}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        start();
      }}
      autosize
      minRows={5}
      maxRows={20}
      spellCheck={false}
      classNames={{ input: 'json-input' }}
    />
  );
}

/** Runs queries. The answer of the newest one is shown, whichever arrives last. */
function useQuery() {
  const [state, setState] = useState<{ result?: Result; failure?: Failure; isBusy: boolean }>({
    isBusy: false,
  });
  const turn = useRef(0);
  const run = async (query: string, limit: number) => {
    const own = ++turn.current;
    setState((last) => ({ ...last, isBusy: true }));
    const take = (next: { result?: Result; failure?: Failure }) => {
      if (own === turn.current) setState({ ...next, isBusy: false });
    };
    try {
      take({
        result: (await callRest<Result>(PATH, { method: 'POST', body: { query, limit } })).body,
      });
    } catch (error) {
      take({ failure: toFailure(error) });
    }
  };
  return { run, ...state };
}

const EXAMPLES: readonly string[] = Object.values(text.example);

/** Queries to begin with. None takes the place of a query that the person wrote. */
function Examples({ query, choose }: { query: string; choose(query: string): void }) {
  const isOwn = query.trim() !== '' && !EXAMPLES.includes(query);
  return (
    <Menu position="bottom-start" withinPortal shadow="md">
      <Menu.Target>
        <Button variant="default" size="xs" rightSection={<ChevronDown size={14} aria-hidden />}>
          {text.examples}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {isOwn && <Menu.Label>{text.ownQuery}</Menu.Label>}
        {Object.entries(text.example).map(([name, example]) => (
          <Menu.Item key={name} onClick={() => choose(example)} disabled={isOwn}>
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function Answer({ result: { rows, cut_by } }: { result: Result }) {
  const [view, setView] = useState<View>('table');
  if (rows.length === 0) return <Text size="sm">{text.noRows}</Text>;
  return (
    <section aria-label={text.rows(formatCount(rows.length))}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Text size="sm" c="dimmed" role="status">
          {text.rows(formatCount(rows.length))}
          {cut_by && ` · ${text.cutBy[cut_by]}`}
        </Text>
        <SegmentedControl
          size="xs"
          transitionDuration={0}
          aria-label={text.view}
          data={VIEWS.map((value) => ({ value, label: text.views[value] }))}
          value={view}
          onChange={(next) => setView(next as View)}
        />
      </Group>
      {view === 'table' ? <ResultTable rows={rows} /> : <ResultChart rows={rows} kind={view} />}
    </section>
  );
}

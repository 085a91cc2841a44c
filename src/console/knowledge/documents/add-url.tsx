import { Button, Select, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { callRest } from '../../server/rest.ts';

const text = knowledgeTexts.url;

/** Seconds after which a URL can be read again. The API takes any number from 60 to a year. */
const PERIODS = ['3600', '86400', '604800', '2592000'] as const;
const NOTHING = { url: '', title: '', reread: null as string | null };

function toDocument({ url: address, title, reread }: typeof NOTHING) {
  const url = address.trim();
  return {
    title: title.trim() || url.slice(0, 200),
    url,
    ...(reread && { reread_seconds: Number(reread) }),
  };
}

type AddUrlProps = { baseId: string; language: string | null; added(): void };

/** Adds the text of a URL to a base. The title is the URL if none is written. */
export function AddUrl({ baseId, language, added }: AddUrlProps) {
  const [written, setWritten] = useState(NOTHING);
  const { start, failure, isBusy } = useAction(async () => {
    const body = { knowledge_base_id: baseId, ...toDocument(written), language };
    await callRest('/api/documents', { method: 'POST', body });
    setWritten(NOTHING);
    added();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (written.url.trim() !== '') start();
  };
  const field = (name: 'url' | 'title') => ({
    size: 'xs' as const,
    label: text[name],
    value: written[name],
    onChange: (event: { currentTarget: { value: string } }) => {
      const { value } = event.currentTarget;
      setWritten((last) => ({ ...last, [name]: value }));
    },
  });
  return (
    <form className="add-url" onSubmit={submit}>
      <TextInput
        {...field('url')}
        className="add-url-address"
        placeholder="https://www.example.com/returns"
        inputMode="url"
        spellCheck={false}
      />
      <TextInput {...field('title')} placeholder={text.titleHint} maxLength={200} />
      <Select
        size="xs"
        label={text.reread}
        placeholder={text.once}
        data={PERIODS.map((value) => ({ value, label: text.periods[value] }))}
        value={written.reread}
        onChange={(reread) => setWritten((last) => ({ ...last, reread }))}
        clearable
      />
      <Button type="submit" size="xs" variant="default" loading={isBusy}>
        {text.add}
      </Button>
      {failure && (
        <div className="add-url-failure">
          <FailureAlert failure={failure} />
        </div>
      )}
    </form>
  );
}

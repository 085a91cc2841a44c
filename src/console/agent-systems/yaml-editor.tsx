import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState, type Text } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';
import { type Ref, useEffect, useEffectEvent, useImperativeHandle, useRef } from 'react';
import type { Fault } from './use-check.ts';

/** Actions of the page on the editor. */
export type EditorHandle = {
  /** Moves the cursor to a place, and shows it. */
  show(fault: Fault): void;
};

type YamlEditorProps = {
  label: string;
  /** The text at the beginning. Later it is the editor's. */
  initial: string;
  faults: readonly Fault[];
  change(text: string): void;
  ref: Ref<EditorHandle>;
};

/** A text in YAML, with faults at their places. Tab leaves it, as it leaves any field. */
export function YamlEditor({ label, initial, faults, change, ref }: YamlEditorProps) {
  const parent = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView>(undefined);
  const changed = useEffectEvent(change);
  const begin = useEffectEvent(() =>
    EditorState.create({ doc: initial, extensions: extensionsOf(label, changed) }),
  );
  useEffect(() => {
    if (!parent.current) return;
    const view = new EditorView({ parent: parent.current, state: begin() });
    editor.current = view;
    return () => view.destroy();
  }, []);
  useEffect(() => {
    const view = editor.current;
    if (!view) return;
    const found = faults.map((fault) => diagnosticOf(view.state.doc, fault));
    view.dispatch(setDiagnostics(view.state, found));
  }, [faults]);
  useImperativeHandle(ref, () => ({
    show(fault) {
      const view = editor.current;
      if (!view) return;
      const anchor = placeOf(view.state.doc, fault);
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor) });
      view.focus();
    },
  }));
  return <div ref={parent} className="yaml-editor" />;
}

function extensionsOf(label: string, change: (text: string) => void) {
  return [
    EditorView.cspNonce.of(styleNonce()),
    EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', tabindex: '0' }),
    EditorView.lineWrapping,
    EditorView.updateListener.of(({ docChanged, state }) => {
      if (docChanged) change(state.doc.toString());
    }),
    lineNumbers(),
    lintGutter(),
    history(),
    drawSelection(),
    highlightActiveLine(),
    yaml(),
    syntaxHighlighting(classHighlighter),
    keymap.of([...defaultKeymap, ...historyKeymap]),
  ];
}

/** Returns the nonce with which the policy of the page allows style sheets. */
function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';
}

function placeOf(text: Text, { line, column }: Fault): number {
  const { from, to } = text.line(Math.min(Math.max(line, 1), text.lines));
  return Math.min(from + Math.max(column, 1) - 1, to);
}

/** Marks the rest of the line from the place of a fault. */
function diagnosticOf(text: Text, fault: Fault): Diagnostic {
  const from = placeOf(text, fault);
  return {
    from,
    to: Math.max(from, text.lineAt(from).to),
    severity: 'error',
    message: [fault.message, fault.hint].filter((one) => one).join('. '),
  };
}

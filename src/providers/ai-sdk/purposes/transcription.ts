import type { JSONObject, TranscriptionModelV4 } from '@ai-sdk/provider';
import type {
  ModelRef,
  Transcription,
  TranscriptionRequest,
} from '../../../contracts/agents/model.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import { refuseAudio } from '../../audio-format.ts';
import { isSetting } from '../account.ts';
import { formatWarning } from '../warnings.ts';

/** Returns a model with only the settings of its vendor: its parameters are no fields of a body. */
export function withVendorSettingsOnly(model: ModelRef): ModelRef {
  const settings = Object.entries(model.request_params).filter(([name]) => isSetting(name));
  return { ...model, request_params: Object.fromEntries(settings) };
}

/**
 * Transcribes a recording. The parameters of the model are options of the vendor, by the names of
 * its package. Throws the errors of the package.
 */
export async function transcribeAudio(
  model: TranscriptionModelV4,
  { audio, media_type, model: { request_params } }: TranscriptionRequest,
  vendor: string,
  abortSignal: AbortSignal,
): Promise<Outcome<Transcription>> {
  const refused = refuseAudio(audio);
  if (refused) return refused;
  const { sample_rate: _, response_format: _format, ...params } = request_params;
  const answer = await model.doGenerate({
    audio,
    mediaType: media_type,
    abortSignal,
    providerOptions: { [vendor]: params as JSONObject },
  });
  const { text, language, durationInSeconds: seconds } = answer;
  const warnings = answer.warnings.map(formatWarning);
  return {
    ok: true,
    value: {
      text,
      ...(language !== undefined && { language }),
      ...(seconds !== undefined && { seconds }),
      ...(warnings.length > 0 && { warnings }),
    },
  };
}

import type { ModelPurpose } from '../../contracts/agents/model.ts';
import { USUAL_MODELS } from '../catalog/usual-models.generated.ts';

/** Purposes of models that variables of the environment describe. */
export type UsualPurpose = Extract<ModelPurpose, 'llm' | 'embedding' | 'tts' | 'stt'>;

/**
 * Returns the model of a vendor that is used when a variable names the vendor, but no model. A
 * vendor without one needs a model by name: its key says nothing about which model is meant.
 */
export function usualModel(vendor: string, purpose: UsualPurpose): string | undefined {
  return USUAL_MODELS[vendor]?.[purpose];
}

// The picture to share: from the camera or from the device's files, made smaller here before it travels.
import { useId, useState } from 'preact/hooks';
import { explain } from '../api/explain.ts';
import { Icon } from '../parts/icon.tsx';
import { shrinkPicture } from '../pictures/shrink-picture.ts';
import { draft, setPicture } from './draft.ts';

export function PictureField({ problem }: { problem: string | undefined }) {
  const id = useId();
  const [failure, setFailure] = useState('');
  const [isShrinking, setShrinking] = useState(false);
  const picture = draft.picture.value;
  const shownProblem = failure !== '' ? failure : picture === undefined ? problem : undefined;

  async function take(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    // So that the same file can be chosen again.
    const { value } = input;
    input.value = '';
    if (file === undefined || value === '') return;
    setFailure('');
    setShrinking(true);
    try {
      setPicture(await shrinkPicture(file));
    } catch (error) {
      setFailure(explain(error));
    }
    setShrinking(false);
  }

  const input = (label: string, icon: 'camera' | 'picture', capture?: 'environment') => (
    <label class="pick">
      <input
        type="file"
        accept="image/*"
        {...(capture && { capture })}
        aria-describedby={`${id}-problem`}
        aria-invalid={shownProblem !== undefined}
        onChange={(event) => void take(event.currentTarget)}
      />
      <Icon name={icon} />
      <span>{label}</span>
    </label>
  );

  return (
    <fieldset class="picture-field">
      <legend>Picture</legend>
      {picture !== undefined && (
        <div class="preview">
          <img src={picture.url} alt="Your picture" />
          <button type="button" class="button small" onClick={() => setPicture(undefined)}>
            <Icon name="close" />
            Remove picture
          </button>
        </div>
      )}
      <div class={`picks ${picture === undefined ? '' : 'slim'}`} aria-busy={isShrinking}>
        {input('Take a picture', 'camera', 'environment')}
        {input('Choose a picture', 'picture')}
      </div>
      <p class="field-problem" id={`${id}-problem`} role="alert">
        {shownProblem}
      </p>
    </fieldset>
  );
}

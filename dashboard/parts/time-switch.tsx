import { showTimesAs, timeMode, timeModes, type TimeMode } from '../state/clock.ts';

const labels: Readonly<Record<TimeMode, string>> = {
  relative: 'Relative',
  local: 'Local',
  utc: 'UTC',
};

/** Chooses how all times are shown. */
export function TimeSwitch() {
  return (
    <fieldset class="switch">
      <legend class="hidden-text">Show times as</legend>
      {timeModes.map((mode) => (
        <label key={mode}>
          <input
            type="radio"
            name="time"
            checked={timeMode.value === mode}
            onChange={() => showTimesAs(mode)}
          />
          <span>{labels[mode]}</span>
        </label>
      ))}
    </fieldset>
  );
}

// Figures and times as text.

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// A duration in its two largest units: 45 s, 14 min, 3 h 5 min, 2 d 1 h. Minutes are exact enough below an hour.
function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const index = UNITS.findIndex(([, size]) => whole >= size);
  if (index < 0) return "0 s";
  const [unit, size] = UNITS[index];
  const first = `${Math.floor(whole / size)} ${unit}`;
  if (index > 1) return first;
  const [nextUnit, nextSize] = UNITS[index + 1];
  const rest = Math.floor((whole % size) / nextSize);
  return rest ? `${first} ${rest} ${nextUnit}` : first;
}

function seconds(time) {
  return Date.parse(time) / 1000;
}

function plural(number, noun) {
  return `${amount(number)} ${noun}${number === 1 ? "" : "s"}`;
}

function amount(number) {
  return number.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = number > 0 ? Math.min(units.length - 1, Math.floor(Math.log2(number) / 10)) : 0;
  return `${amount(number / 2 ** (10 * power))} ${units[power]}`;
}

// The viewer's time zone; the exact time in UTC is in the title of the element.
function clockTime(time) {
  const date = new Date(time);
  const sameDay = date.toDateString() === new Date().toDateString();
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  return date.toLocaleString("en-GB", sameDay ? options : { day: "numeric", month: "short", ...options });
}

const TONES = {
  Ready: "good", Complete: "good", Scheduled: "good",
  Running: "active", Initializing: "active", Provisioning: "active", Upgrading: "active",
  Failed: "bad", ValidationFailed: "bad", NotReady: "bad",
  Retrying: "warn", Deleting: "warn", Suspending: "warn",
};

// The colour of a state; the word is always beside it.
function tone(state) {
  return TONES[state] ?? "idle";
}

// In a timeline, what is before and after running differs from running; before the present attempt there is no colour.
function stageTone(state) {
  if (state === "Created") return "none";
  return ["New", "Waiting", "Initializing", "Ended"].includes(state) ? "start" : tone(state);
}

const SEVERITY_TONES = { critical: "bad", warning: "warn", info: "idle" };

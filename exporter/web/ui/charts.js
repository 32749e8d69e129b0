// Small pictures. Each has its figures as text beside it, or as its label.

// Ready of desired, as a bar.
function bar(ready, desired) {
  const share = desired > 0 ? Math.min(1, ready / desired) : 0;
  return svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 100, height: 8 }),
    svg("rect", { "data-tone": ready >= desired ? "good" : "active", width: 100 * share, height: 8 }));
}

const ENDS = ["Complete", "Failed", "ValidationFailed"];
const SHORTEST = 3;

// The states of a job from left to right, each as wide as it lasted; a short one, and the last one, stays visible.
function timeline(steps, end) {
  const parts = lasting(steps, end).filter((part, index) => part.seconds > 0 || index === steps.length - 1);
  const total = parts.reduce((sum, part) => sum + part.seconds, 0) || 1;
  const widths = parts.map((part) => Math.max(SHORTEST, (100 * part.seconds) / total));
  const scale = 100 / widths.reduce((sum, width) => sum + width, 0);
  let left = 0;
  const rects = parts.map((part, index) => {
    const width = widths[index] * scale;
    const rect = svg("rect", { "data-tone": stageTone(part.state), x: left, width: Math.max(1, width - 0.8), height: 8 });
    left += width;
    return rect;
  });
  return svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, rects);
}

function lasting(steps, end) {
  return steps.map((step, index) => {
    const next = steps[index + 1]?.time ?? (ENDS.includes(step.state) ? step.time : end);
    return { ...step, seconds: Math.max(0, seconds(next) - seconds(step.time)) || 0 };
  });
}

const HOURS = 24;

// Jobs that ended in each of the last 24 hours: complete below, failed above.
function endedJobs(byHour, time) {
  const last = Math.floor(seconds(time) / 3600);
  const hours = Array.from({ length: HOURS }, (_, index) => {
    const hour = byHour.find((entry) => seconds(entry.time) / 3600 === last - HOURS + 1 + index);
    return { complete: hour?.complete ?? 0, failed: hour?.failed ?? 0 };
  });
  const highest = Math.max(1, ...hours.map((hour) => hour.complete + hour.failed));
  const rects = hours.flatMap(({ complete, failed }, index) => {
    const [low, high] = [(36 * complete) / highest, (36 * failed) / highest];
    return [
      svg("rect", { class: "track", x: index * 8, y: 38, width: 6, height: 2 }),
      complete && svg("rect", { "data-tone": "good", x: index * 8, y: 38 - low, width: 6, height: low + 2 }),
      failed && svg("rect", { "data-tone": "bad", x: index * 8, y: 38 - low - high, width: 6, height: high }),
    ].filter(Boolean);
  });
  const [complete, failed] = ["complete", "failed"].map((name) => hours.reduce((sum, hour) => sum + hour[name], 0));
  const label = `Jobs that ended in the last 24 hours: ${complete} complete, ${failed} failed`;
  return [
    svg("svg", { viewBox: "0 0 190 40", role: "img", "aria-label": label }, svg("title", {}, label), rects),
    h("figcaption", {}, `Ended in 24 h: ${amount(complete)} complete, ${amount(failed)} failed`),
  ];
}

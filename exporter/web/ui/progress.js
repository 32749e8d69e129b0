// What one row says of an object beyond its state: workers, the way of a job, traffic, a schedule.

function progress(item) {
  const details = item.details ?? {};
  const parts = { RayCluster: ofCluster, RayJob: ofJob, RayService: ofService, RayCronJob: ofCronJob }[item.kind];
  return parts ? h("div", { class: "way" }, parts(details)) : "";
}

function ofCluster({ workers, requested }) {
  const gpus = requested?.gpu ? plural(requested.gpu, "GPU") : null;
  if (!workers) return [gpus];
  const { ready = 0, desired = 0 } = workers;
  const text = [`${amount(ready)} of ${plural(desired, "worker")}`, gpus].filter(Boolean).join(" · ");
  return [desired > 0 ? bar(ready, desired) : null, h("span", {}, text)];
}

function ofJob(details) {
  const steps = details.timeline ?? [];
  const end = details.endTime ?? new Date(now() * 1000).toISOString();
  const times = [jobDuration(details), attempts(details)].filter(Boolean);
  const text = times.flatMap((part, index) => (index ? [" · ", part] : [part]));
  return [steps.length > 1 ? timeline(steps, end) : null, h("span", {}, text)];
}

// So far, or in the end.
function jobDuration({ startTime, endTime, durationSeconds, deploymentStatus }) {
  if (durationSeconds != null) return duration(durationSeconds);
  return startTime && !endTime && !ENDS.includes(deploymentStatus) ? ageFrom(startTime) : null;
}

function attempts({ failed = 0, succeeded = 0, backoffLimit = 0, deploymentStatus }) {
  const started = Math.max(1, failed + succeeded + (ENDS.includes(deploymentStatus) ? 0 : 1));
  const most = Math.max(backoffLimit + 1, started);
  return most > 1 ? `attempt ${started} of ${most}` : null;
}

function ofService({ serveEndpoints, active, pending }) {
  const endpoints = serveEndpoints == null ? null : plural(serveEndpoints, "endpoint");
  const share = pending?.trafficRoutedPercent;
  if (!pending?.rayCluster || share == null) return [h("span", {}, endpoints)];
  const text = [`${share} % of traffic on the new cluster`, endpoints].filter(Boolean).join(" · ");
  return [active ? bar(share, 100) : null, h("span", {}, text)];
}

function ofCronJob({ schedule, timeZone, lastScheduleTime }) {
  const when = [schedule, timeZone].filter(Boolean).join(" ");
  return [h("span", {}, h("code", {}, when), lastScheduleTime ? [" · last run ", ageFrom(lastScheduleTime), " ago"] : null)];
}

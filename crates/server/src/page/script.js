// Calls the API and shows what it says. Everything that decides is on the other side.
"use strict";

const byId = (id) => document.getElementById(id);

function say(text) {
  byId("said").textContent = text;
}

/** Asks the API; an answer that is a problem becomes an error with what it says. */
async function ask(method, path, body) {
  const options = { method, headers: { accept: "application/json" } };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const text = await response.text();
  const answer = text ? JSON.parse(text) : {};
  if (!response.ok) {
    throw Object.assign(new Error(answer.detail || response.statusText), { problem: answer });
  }
  return { answer, status: response.status, headers: response.headers };
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function bytes(count) {
  if (count === null || count === undefined) return "an unknown number of bytes";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit + 1 < units.length) {
    count /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${count} B` : `${count.toFixed(1)} ${units[unit]}`;
}

/** A number of things. */
function some(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** The steps of a plan as a table. */
function planTable(plan) {
  const table = element("table");
  const head = table.createTHead().insertRow();
  const kind = (name) => (["Feature", "Action"].includes(name) ? {} : { class: "number" });
  for (const name of ["Feature", "Action", "Samples", "Rows", "Objects", "Bytes"]) {
    head.append(element("th", name, kind(name)));
  }
  const body = table.createTBody();
  for (const step of plan.steps.filter((it) => it.rows > 0)) {
    const line = body.insertRow();
    const known = step.bytes === null ? "?" : bytes(step.bytes);
    for (const name of [step.feature, step.action]) line.append(element("td", name));
    for (const value of [step.samples, step.rows, step.objects, known]) {
      line.append(element("td", String(value), { class: "number" }));
    }
  }
  return table;
}

/** Where on the page there is what is in the way. */
function placesOf(blocker) {
  if (blocker.hold) return [["Holds", "/holds"]];
  if (blocker.by !== "model") return [];
  const anchor = (name) => name.replace(/[^\p{L}\p{N}]/gu, "-");
  return blocker.names.map((name) => [name, `/models#model-${anchor(name)}`]);
}

/** What is in the way, with links to it. */
function blockerList(blockers) {
  const list = element("ul");
  for (const blocker of blockers) {
    const out = blocker.way_out.charAt(0).toUpperCase() + blocker.way_out.slice(1);
    const item = element("li", `${blocker.text}. ${out}.`);
    const places = placesOf(blocker);
    places.forEach(([name, href], number) => {
      item.append(number === 0 ? " See " : ", ", element("a", name, { href }));
    });
    if (places.length > 0) item.append(".");
    list.append(item);
  }
  return list;
}

const dialog = byId("deleting");
/** How often the dialog was opened. */
let turns = 0;

/** Shows a plan; `go` is told to those who say yes. */
function showPlan(plan, warning) {
  const blocked = plan.blockers.length > 0;
  byId("deleting-warning").textContent = blocked ? "This cannot be deleted now." : warning;
  byId("deleting-yes").disabled = blocked;
  const parts = [planTable(plan)];
  if (blocked) parts.push(blockerList(plan.blockers));
  byId("deleting-plan").replaceChildren(...parts);
}

function showProblem(error) {
  byId("deleting-warning").textContent = error.message;
  const blockers = (error.problem && error.problem.blockers) || [];
  byId("deleting-plan").replaceChildren(blockerList(blockers));
  byId("deleting-yes").disabled = true;
}

/** Opens the dialog for a job, a dataset or a model. */
function openDelete(button) {
  const { delete: path, kind, name, then } = button.dataset;
  const withDatasets = byId("delete-dataset");
  byId("deleting-title").textContent = `Delete ${kind} “${name}”?`;
  byId("deleting-yes").textContent = "Delete for good";
  byId("deleting-datasets").hidden = kind !== "job";
  withDatasets.checked = false;
  const target = () => (kind === "job" && withDatasets.checked ? "?delete_dataset=true" : "");
  // A late answer to an earlier question must not stand for the present one.
  const turn = (turns += 1);
  let looks = 0;
  const look = async () => {
    const mine = (looks += 1);
    const isLate = () => turn !== turns || mine !== looks;
    byId("deleting-yes").disabled = true;
    if (kind === "model") {
      byId("deleting-warning").textContent = "The model goes for good. Its datasets stay.";
      byId("deleting-plan").replaceChildren();
      byId("deleting-yes").disabled = false;
      return;
    }
    byId("deleting-plan").textContent = "Looking…";
    try {
      const { answer: plan } = await ask("GET", `${path}/plan${target()}`);
      if (isLate()) return;
      const files = `${some(plan.objects, "object")} (${bytes(plan.bytes)})`;
      const gone = kind === "dataset" || withDatasets.checked;
      showPlan(plan, gone
        ? `Warning: this permanently deletes the data: ${some(plan.samples, "sample")} and ${files}. It cannot be undone.`
        : "The job goes for good. Its datasets stay.");
    } catch (error) {
      if (!isLate()) showProblem(error);
    }
  };
  withDatasets.onchange = look;
  byId("deleting-yes").onclick = async () => {
    byId("deleting-yes").disabled = true;
    withDatasets.disabled = true;
    try {
      const { status, headers } = await ask("DELETE", `${path}${target()}`);
      dialog.close();
      const failed = Number(headers.get("metalith-objects-failed") || 0);
      const kept = Number(headers.get("metalith-objects-kept") || 0);
      if (status === 202) say("It takes longer, and goes on; see Deletions.");
      else if (failed > 0) say(`Deleted. Tried again, since it could not be deleted yet: ${some(failed, "object")}.`);
      else if (kept > 0) say(`Deleted. What something else names stays: ${some(kept, "object")}.`);
      else say("Deleted.");
      // The page of what is gone would only say that.
      const goOn = () => (then && status !== 202 ? location.assign(then) : location.reload());
      setTimeout(goOn, status === 202 || failed + kept > 0 ? 3000 : 500);
    } catch (error) {
      showProblem(error);
    }
    withDatasets.disabled = false;
  };
  dialog.showModal();
  look();
}

/** Plans a deletion of samples, and opens the dialog with the plan. */
async function planDeletion(form) {
  turns += 1;
  const given = Object.fromEntries(new FormData(form));
  const { feature, filter, mode, cascade, reason } = given;
  try {
    const body = { feature, filters: [filter], mode, cascade, reason: reason || null };
    const { answer: plan } = await ask("POST", "/api/v1/deletions/plans", body);
    byId("deleting-title").textContent = `Delete samples of ${feature}?`;
    byId("deleting-datasets").hidden = true;
    byId("deleting-yes").textContent = mode === "hard" ? "Delete for good" : "Delete";
    showPlan(plan, mode === "hard"
      ? `Warning: this permanently deletes ${some(plan.samples, "sample")} and ${some(plan.objects, "object")}. It cannot be undone.`
      : `This hides ${some(plan.samples, "sample")} until it is restored.`);
    byId("deleting-yes").onclick = async () => {
      byId("deleting-yes").disabled = true;
      try {
        const { answer } = await ask("POST", `/api/v1/deletions/plans/${plan.id}/execute`, {});
        location.href = `/deletions/${answer.deletion}`;
      } catch (error) {
        showProblem(error);
      }
    };
    dialog.showModal();
  } catch (error) {
    say(error.message);
  }
}

/** The body that a form or button posts. */
function bodyOf(from) {
  if (from.tagName !== "FORM") return {};
  const given = Object.fromEntries(new FormData(from));
  if (from.dataset.job) {
    const config = { dataset_name: given.dataset_name, num_samples: Number(given.num_samples) };
    return { name: `make ${given.dataset_name}`, kind: from.dataset.job, config };
  }
  const filters = given.filter ? [given.filter] : [];
  return { feature: given.feature, filters, reason: given.reason };
}

async function post(from) {
  if (from.dataset.sure && !confirm(from.dataset.sure)) return;
  try {
    await ask("POST", from.dataset.post, bodyOf(from));
    location.reload();
  } catch (error) {
    say(error.message);
  }
}

/** Follows jobs that are at work. */
async function follow() {
  const lines = [...document.querySelectorAll("[data-live]")];
  const log = document.querySelector("[data-log]");
  if (lines.length === 0) return;
  let isOver = false;
  for (const line of lines) {
    try {
      const { answer: job } = await ask("GET", `/api/v1/jobs/synthetic/${line.dataset.live}`);
      line.querySelector(".state").textContent = job.status;
      const progress = line.querySelector("progress");
      progress.max = Math.max(job.total, 1);
      progress.value = job.done;
      line.querySelector(".count").textContent = `${job.done} of ${job.total}`;
      if (log) log.textContent = job.log.join("\n");
      isOver = isOver || job.finished_at !== null;
    } catch (error) {
      say(error.message);
    }
  }
  if (isOver && !dialog.open) location.reload();
  else setTimeout(follow, 1000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.delete) openDelete(button);
  else if (button.dataset.post) post(button);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "plan-deletion") {
    event.preventDefault();
    planDeletion(form);
  } else if (form.dataset.post) {
    event.preventDefault();
    post(form);
  }
});

follow();

// Sends one file to the server and tells how far it came.

export class Upload {
  #request = null;
  #gone = false;
  progress = 0;
  state = "running";
  problem = "";
  token = "";

  // changed() is called whenever something of it changes.
  constructor(file, session, changed) {
    this.file = file;
    this.name = file.name || "file";
    this.session = session;
    this.changed = changed;
    this.preview = /^image\/(png|jpeg|gif|webp)$/.test(file.type) ? URL.createObjectURL(file) : null;
    this.mime = file.type || "application/octet-stream";
    this.kind = this.preview ? "image" : "file";
  }

  async start(again = true) {
    this.state = "running";
    this.progress = 0;
    this.changed();
    try {
      if (!this.session.token) await this.session.open();
    } catch {
      this.#fail("");
      return;
    }
    if (this.#gone) return;
    const request = new XMLHttpRequest();
    this.#request = request;
    request.open("POST", `upload?name=${encodeURIComponent(this.name.slice(-200))}`);
    request.setRequestHeader("Authorization", `Bearer ${this.session.token}`);
    request.setRequestHeader("Content-Type", this.file.type || "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => { this.progress = total ? loaded / total : 0; this.changed(); };
    request.onerror = request.onabort = () => this.#fail("");
    request.onload = () => {
      if (request.status === 401 && again) { this.session.token = ""; this.start(false); return; }
      if (request.status !== 200 || !request.response) { this.#fail(request.response?.error?.message || ""); return; }
      const { upload, name, mime, size, kind } = request.response;
      Object.assign(this, { token: upload, name, mime, size, kind, state: "done", progress: 1 });
      this.changed();
    };
    request.send(this.file);
  }

  // What the message shows before the server does.
  shown() {
    return { kind: this.kind, name: this.name, mime: this.mime, size: this.file.size, alt: "" };
  }

  cancel() {
    this.#gone = true;
    this.#request?.abort();
    if (this.preview) URL.revokeObjectURL(this.preview);
  }

  #fail(problem) {
    if (this.#gone) return;
    this.state = "failed";
    this.problem = problem;
    this.changed();
  }
}

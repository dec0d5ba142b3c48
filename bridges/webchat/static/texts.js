// Everything the chat says by itself, in each language it speaks.

const TEXTS = {
  en: {
    greeting: "Hello! How can we help you?", subtitle: "We answer right here", intro: "You can leave this page; the answer will be here when you return.", placeholder: "Write a message…", log: "Messages",
    send: "Send", attach: "Attach a file", close: "Close chat", sending: "Sending…", sent: "Sent", delivered: "Delivered", read: "Read",
    failed: "Not sent", retry: "Try again", discard: "Discard", today: "Today", yesterday: "Yesterday", edited: "edited",
    deleted: "This message was deleted", reply: "Reply", react: "React", edit: "Edit", remove: "Delete", copy: "Copy", copied: "Copied",
    removeAsk: "Delete this message?", keep: "Keep", cancel: "Cancel", save: "Save", editing: "Edit message", replying: "Reply to {name}",
    you: "You", team: "Team", typing: "{name} is typing", latest: "Jump to the latest message", newMessages: "New messages: {n}", offline: "No connection. What you write is kept and sent as soon as you are back.",
    connecting: "Connecting…", tooLong: "{n} characters too many", tooLarge: "{name} is too large. The limit is {limit}.", uploading: "Uploading {name}",
    uploadFailed: "{name} could not be uploaded.", removeFile: "Remove {name}", download: "Download {name}", drop: "Drop files here", tooMany: "At most {n} files in one message.",
    picture: "Picture", actions: "Message actions", quoted: "Go to the quoted message", failedText: "The chat cannot be reached right now.", elsewhere: "This chat is open in other tabs. Click to use it here.",
  },
  de: {
    greeting: "Hallo! Wie können wir helfen?", subtitle: "Wir antworten hier im Chat", intro: "Sie können die Seite verlassen; die Antwort wartet hier auf Sie.", placeholder: "Nachricht schreiben…", log: "Nachrichten",
    send: "Senden", attach: "Datei anhängen", close: "Chat schließen", sending: "Wird gesendet…", sent: "Gesendet", delivered: "Zugestellt", read: "Gelesen",
    failed: "Nicht gesendet", retry: "Noch einmal", discard: "Verwerfen", today: "Heute", yesterday: "Gestern", edited: "bearbeitet",
    deleted: "Diese Nachricht wurde gelöscht", reply: "Antworten", react: "Reagieren", edit: "Bearbeiten", remove: "Löschen", copy: "Kopieren", copied: "Kopiert",
    removeAsk: "Diese Nachricht löschen?", keep: "Behalten", cancel: "Abbrechen", save: "Speichern", editing: "Nachricht bearbeiten", replying: "Antwort an {name}",
    you: "Sie", team: "Team", typing: "{name} schreibt", latest: "Zur neuesten Nachricht", newMessages: "Neue Nachrichten: {n}", offline: "Keine Verbindung. Was Sie schreiben, bleibt erhalten und wird gesendet, sobald sie wieder da ist.",
    connecting: "Verbindung wird aufgebaut…", tooLong: "{n} Zeichen zu viel", tooLarge: "{name} ist zu groß. Erlaubt sind {limit}.", uploading: "{name} wird hochgeladen",
    uploadFailed: "{name} konnte nicht hochgeladen werden.", removeFile: "{name} entfernen", download: "{name} herunterladen", drop: "Dateien hier ablegen", tooMany: "Höchstens {n} Dateien in einer Nachricht.",
    picture: "Bild", actions: "Aktionen zur Nachricht", quoted: "Zur zitierten Nachricht", failedText: "Der Chat ist gerade nicht erreichbar.", elsewhere: "Dieser Chat ist in anderen Tabs offen. Klicken Sie, um ihn hier zu nutzen.",
  },
  es: {
    greeting: "¡Hola! ¿En qué podemos ayudarle?", subtitle: "Le respondemos aquí mismo", intro: "Puede salir de esta página; la respuesta le esperará aquí.", placeholder: "Escriba un mensaje…", log: "Mensajes",
    send: "Enviar", attach: "Adjuntar un archivo", close: "Cerrar el chat", sending: "Enviando…", sent: "Enviado", delivered: "Entregado", read: "Leído",
    failed: "No enviado", retry: "Reintentar", discard: "Descartar", today: "Hoy", yesterday: "Ayer", edited: "editado",
    deleted: "Este mensaje se eliminó", reply: "Responder", react: "Reaccionar", edit: "Editar", remove: "Eliminar", copy: "Copiar", copied: "Copiado",
    removeAsk: "¿Eliminar este mensaje?", keep: "Conservar", cancel: "Cancelar", save: "Guardar", editing: "Editar mensaje", replying: "Respuesta a {name}",
    you: "Usted", team: "Equipo", typing: "{name} está escribiendo", latest: "Ir al último mensaje", newMessages: "Mensajes nuevos: {n}", offline: "Sin conexión. Lo que escriba se guarda y se envía en cuanto vuelva.",
    connecting: "Conectando…", tooLong: "Sobran {n} caracteres", tooLarge: "{name} es demasiado grande. El límite es {limit}.", uploading: "Subiendo {name}",
    uploadFailed: "No se pudo subir {name}.", removeFile: "Quitar {name}", download: "Descargar {name}", drop: "Suelte los archivos aquí", tooMany: "Como máximo {n} archivos por mensaje.",
    picture: "Imagen", actions: "Acciones del mensaje", quoted: "Ir al mensaje citado", failedText: "No se puede acceder al chat en este momento.", elsewhere: "Este chat está abierto en otras pestañas. Haga clic para usarlo aquí.",
  },
  fr: {
    greeting: "Bonjour ! Comment pouvons-nous vous aider ?", subtitle: "Nous vous répondons ici", intro: "Vous pouvez quitter cette page : la réponse vous attendra ici.", placeholder: "Écrivez un message…", log: "Messages",
    send: "Envoyer", attach: "Joindre un fichier", close: "Fermer la discussion", sending: "Envoi…", sent: "Envoyé", delivered: "Remis", read: "Lu",
    failed: "Non envoyé", retry: "Réessayer", discard: "Abandonner", today: "Aujourd’hui", yesterday: "Hier", edited: "modifié",
    deleted: "Ce message a été supprimé", reply: "Répondre", react: "Réagir", edit: "Modifier", remove: "Supprimer", copy: "Copier", copied: "Copié",
    removeAsk: "Supprimer ce message ?", keep: "Garder", cancel: "Annuler", save: "Enregistrer", editing: "Modifier le message", replying: "Réponse à {name}",
    you: "Vous", team: "Équipe", typing: "{name} écrit", latest: "Aller au dernier message", newMessages: "Nouveaux messages : {n}", offline: "Pas de connexion. Ce que vous écrivez est conservé et envoyé dès son retour.",
    connecting: "Connexion…", tooLong: "{n} caractères de trop", tooLarge: "{name} est trop volumineux. La limite est de {limit}.", uploading: "Envoi de {name}",
    uploadFailed: "{name} n’a pas pu être envoyé.", removeFile: "Retirer {name}", download: "Télécharger {name}", drop: "Déposez les fichiers ici", tooMany: "Au plus {n} fichiers par message.",
    picture: "Image", actions: "Actions sur le message", quoted: "Aller au message cité", failedText: "La discussion est injoignable pour le moment.", elsewhere: "Cette discussion est ouverte dans d’autres onglets. Cliquez pour l’utiliser ici.",
  },
  ar: {
    greeting: "مرحبًا! كيف يمكننا مساعدتك؟", subtitle: "نجيبك هنا مباشرةً", intro: "يمكنك مغادرة هذه الصفحة؛ ستجد الرد هنا عند عودتك.", placeholder: "اكتب رسالة…", log: "الرسائل",
    send: "إرسال", attach: "إرفاق ملف", close: "إغلاق المحادثة", sending: "جارٍ الإرسال…", sent: "أُرسلت", delivered: "وصلت", read: "قُرئت",
    failed: "لم تُرسل", retry: "إعادة المحاولة", discard: "تجاهل", today: "اليوم", yesterday: "أمس", edited: "معدّلة",
    deleted: "حُذفت هذه الرسالة", reply: "رد", react: "تفاعل", edit: "تعديل", remove: "حذف", copy: "نسخ", copied: "تم النسخ",
    removeAsk: "هل تريد حذف هذه الرسالة؟", keep: "إبقاء", cancel: "إلغاء", save: "حفظ", editing: "تعديل الرسالة", replying: "رد على {name}",
    you: "أنت", team: "الفريق", typing: "{name} يكتب الآن", latest: "الانتقال إلى أحدث رسالة", newMessages: "رسائل جديدة: {n}", offline: "لا يوجد اتصال. سيُحفظ ما تكتبه ويُرسل فور عودته.",
    connecting: "جارٍ الاتصال…", tooLong: "عدد الأحرف الزائدة: {n}", tooLarge: "حجم {name} كبير جدًا. الحد هو {limit}.", uploading: "جارٍ رفع {name}",
    uploadFailed: "تعذّر رفع {name}.", removeFile: "إزالة {name}", download: "تنزيل {name}", drop: "أفلت الملفات هنا", tooMany: "{n} ملفات كحد أقصى في الرسالة.",
    picture: "صورة", actions: "إجراءات الرسالة", quoted: "الانتقال إلى الرسالة المقتبسة", failedText: "يتعذّر الوصول إلى المحادثة الآن.", elsewhere: "هذه المحادثة مفتوحة في علامات تبويب أخرى. انقر لاستخدامها هنا.",
  },
};

export class Texts {
  constructor(lang) {
    this.lang = TEXTS[lang] ? lang : "en";
    this.dir = this.lang === "ar" ? "rtl" : "ltr";
    // "en" alone means the United States; she may live by another clock.
    const tag = navigator.languages.find((each) => each.toLowerCase().startsWith(this.lang)) || this.lang;
    this.clock = new Intl.DateTimeFormat(tag, { hour: "numeric", minute: "2-digit" });
    this.dayNames = new Intl.DateTimeFormat(tag, { weekday: "long", day: "numeric", month: "long" });
    this.fullDates = new Intl.DateTimeFormat(tag, { day: "numeric", month: "long", year: "numeric" });
    this.numbers = new Intl.NumberFormat(tag, { maximumFractionDigits: 1 });
  }

  t(key, values = {}) {
    return TEXTS[this.lang][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  }

  time(date) {
    return this.clock.format(date);
  }

  day(date) {
    const start = (value) => new Date(value.getFullYear(), value.getMonth(), value.getDate()).getTime();
    const days = Math.round((start(new Date()) - start(date)) / 86_400_000);
    if (days === 0) return this.t("today");
    if (days === 1) return this.t("yesterday");
    return (days < 300 ? this.dayNames : this.fullDates).format(date);
  }

  size(bytes) {
    if (bytes < 1000) return `${this.numbers.format(bytes)} B`;
    if (bytes < 1e6) return `${this.numbers.format(Math.round(bytes / 1000))} KB`;
    return `${this.numbers.format(bytes / 1e6)} MB`;
  }
}

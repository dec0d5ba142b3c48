const SETTINGS = {};

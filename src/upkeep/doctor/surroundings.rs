//! What stands around: the model's engine, the mail server, the port.

use std::net::TcpListener;

use super::{Finding, Holder, Patient, data};
use crate::config::Listen;
use crate::mail::Post;
use crate::matching::{Embedder, embed};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    vec![data::model(), engine(patient), mail(patient), port(patient)]
}

fn engine(patient: &Patient) -> Finding {
    let (id, config) = ("engine", &patient.config.embedding);
    let library = embed::named_library(config);
    match (Embedder::open(config), library) {
        (Err(refusal), _) => Finding::fail(id, refusal.to_string())
            .mend("Set embedding.engine to \"auto\", or embedding.onnxruntime_library to the library's path."),
        (Ok(embedder), Some(library))
            if embedder.engine() == "rten" && config.engine == crate::config::Engine::Auto =>
        {
            Finding::warn(id, format!("{} cannot be used; the built-in engine runs the model.", library.display()))
                .mend("Set embedding.onnxruntime_library to the library's path, or to nothing.")
        }
        (Ok(embedder), Some(_)) if embedder.engine() == "onnxruntime" => {
            Finding::ok(id, "ONNX Runtime was found, and runs the model.")
        }
        (Ok(_), _) => Finding::ok(id, "The built-in engine runs the model; no ONNX Runtime is named."),
    }
}

fn mail(patient: &Patient) -> Finding {
    let id = "mail";
    let post = match Post::open(&patient.config) {
        Ok(post) => post,
        Err(refusal) => return Finding::fail(id, refusal.to_string()).mend("tandem config check"),
    };
    if post.way() == "folder" {
        return Finding::warn(id, "No mail server is set: letters are laid down as files, for you to pass on.")
            .mend("Set mail.smtp_url and mail.from.");
    }
    match post.greet() {
        Ok(()) => Finding::ok(id, "The mail server shakes hands; no letter was sent."),
        Err(refusal) => Finding::fail(id, refusal.to_string()).mend("Check mail.smtp_url; letters wait meanwhile."),
    }
}

fn port(patient: &Patient) -> Finding {
    let (id, listen) = ("port", &patient.config.server.listen);
    if patient.is_answering {
        return Finding::ok(id, format!("Tandem answers on {listen}."));
    }
    if let Holder::Another(_) = patient.holder {
        return Finding::warn(id, format!("The data directory is in use, but no Tandem answers on {listen}."))
            .mend("If it serves on another address, name that in server.listen for doctor, too.");
    }
    let is_free = match listen {
        Listen::Address(address) => TcpListener::bind(address).map(drop),
        Listen::Socket(path) => match path.parent() {
            Some(directory) if directory.is_dir() => Ok(()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        },
    };
    match is_free {
        Ok(()) => Finding::ok(id, format!("{listen} is free to listen on.")),
        Err(cause) => Finding::fail(id, format!("{listen} cannot be listened on: {cause}."))
            .mend("Stop the other program, or set server.listen to another address."),
    }
}

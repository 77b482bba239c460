//! ResultWriter: writes the results of a map run's children to S3.
//!
//! After a crash the results are written again, to the same keys.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{calls::until_stored, services};
use crate::{
    Attempt, activation,
    clock::millis,
    definition::{ResultForm, Transformation},
    engine::Engine,
    execution::FollowUps,
    interpreter::{Destination, Payload, ResultWriting, TaskId},
    map_runs::{
        self,
        export::{Results, pending},
    },
    protocol::Fault,
    store::{
        ExecutionId,
        executions::{self, Status},
        map_runs::{self as rows, MapRun},
        state_machines,
    },
};

/// The approximate maximum size of a file in bytes. A file is built in memory. AWS's files have up to 5 GB.
const LONGEST_FILE: usize = 8 << 20;
/// How many items of children that were never started are read at once.
const PAGE: i64 = 32;

/// The files, in the manifest's order.
const KINDS: [&str; 3] = ["FAILED", "PENDING", "SUCCEEDED"];
const FAILED: usize = 0;
const PENDING: usize = 1;
const SUCCEEDED: usize = 2;

/// Why writing stopped.
enum Stop {
    Failed(String),
    /// The run no longer waits for the results, or the engine closes.
    Void,
}

impl From<Fault> for Stop {
    /// The store has logged the cause.
    fn from(fault: Fault) -> Self {
        Self::Failed(format!("The results could not be read: {fault}"))
    }
}

/// Writes the results and ends the run.
pub(in crate::tasks) async fn write(
    engine: &Arc<Engine>,
    whose: (ExecutionId, TaskId),
    failed: bool,
    attempt: Attempt,
) {
    let written = match write_all(engine, whose, failed, attempt).await {
        Ok(output) => Ok(output),
        Err(Stop::Failed(cause)) => {
            if failed {
                tracing::warn!(cause, "the results of a failed map run could not be written");
            }
            Err(cause)
        }
        Err(Stop::Void) => return,
    };
    until_stored(|| {
        let written = written.clone();
        engine.store.write(move |transaction| {
            let mut follow_ups = FollowUps::new();
            map_runs::exported(transaction, whose, failed, written.clone(), &mut follow_ups)?;
            activation::deliver_follow_ups(transaction, follow_ups)
        })
    })
    .await;
}

async fn write_all(
    engine: &Arc<Engine>,
    (execution, task): (ExecutionId, TaskId),
    failed: bool,
    attempt: Attempt,
) -> Result<Payload, Stop> {
    let found = engine.store.read(move |connection| {
        let Some(run) = rows::by_task(connection, execution, task)? else { return Ok(None) };
        let machine = executions::state_machine(connection, execution)?;
        Ok(Some((run, state_machines::name(connection, machine)?)))
    });
    let Some((run, machine)) = found.await? else { return Err(Stop::Void) };
    let Some(ResultWriting { form, destination: Some(to) }) = run.writing() else { return Err(Stop::Void) };
    let slash = if to.prefix.is_empty() || to.prefix.ends_with('/') { "" } else { "/" };
    let folder = format!("{}{slash}{}", to.prefix, run.uuid);
    let mut files = Files {
        engine,
        attempt,
        form,
        to: &to,
        folder: &folder,
        open: Default::default(),
        written: Default::default(),
        puts: 0,
    };

    let mut after = ExecutionId(0);
    loop {
        let page = page(engine, &run, after, form.transformation).await?;
        let Some((last, _, _)) = page.last() else { break };
        after = *last;
        for (_, status, results) in page {
            let kind = if status == Status::Succeeded { SUCCEEDED } else { FAILED };
            files.add(kind, results).await?;
        }
    }
    if failed {
        let (id, mut from) = (run.id, run.next);
        loop {
            let page = engine.store.read(move |connection| Ok(rows::pending(connection, id, from, PAGE)?)).await?;
            let Some((last, _)) = page.last() else { break };
            from = last + 1;
            files.add(PENDING, page.iter().map(|(_, input)| pending(input)).collect()).await?;
        }
    }
    let arn = engine.options.map_run_arn(&machine, &run);
    let key = files.finish(&arn).await?;
    let output = json!({"MapRunArn": arn, "ResultWriterDetails": {"Bucket": to.bucket, "Key": key}});
    Ok(output.into())
}

type Page = Vec<(ExecutionId, Status, Vec<String>)>;

async fn page(
    engine: &Engine,
    run: &MapRun,
    after: ExecutionId,
    transformation: Transformation,
) -> Result<Page, Fault> {
    let (options, run, now) = (engine.options.clone(), run.clone(), millis(engine.clock.now()));
    let read = engine.store.read(move |connection| {
        let results = Results { connection, options: &options, run: &run, now };
        Ok(results.page(after, transformation)?)
    });
    Ok(read.await?.into_iter().map(|(child, results)| (child.id, child.status, results)).collect())
}

/// The files of one run: `PREFIX/ID/SUCCEEDED_0.json` and so on.
struct Files<'f> {
    engine: &'f Arc<Engine>,
    attempt: Attempt,
    form: ResultForm,
    to: &'f Destination,
    folder: &'f str,
    /// The unfinished file of each kind.
    open: [String; 3],
    /// The manifest's entries for the files written.
    written: [Vec<Value>; 3],
    /// How many objects have been put.
    puts: usize,
}

impl Files<'_> {
    async fn add(&mut self, kind: usize, results: Vec<String>) -> Result<(), Stop> {
        for result in results {
            let file = &mut self.open[kind];
            if !self.form.lines {
                file.push(if file.is_empty() { '[' } else { ',' });
            }
            file.push_str(&result);
            if self.form.lines {
                file.push('\n');
            }
            if file.len() >= LONGEST_FILE {
                self.close(kind).await?;
            }
        }
        Ok(())
    }

    async fn close(&mut self, kind: usize) -> Result<(), Stop> {
        let mut text = std::mem::take(&mut self.open[kind]);
        if !self.form.lines {
            text.push(']');
        }
        let number = self.written[kind].len();
        let key = format!("{}/{}_{number}.json", self.folder, KINDS[kind]);
        let told = json!({"Key": key, "Size": text.len()});
        self.put(&key, text).await?;
        self.written[kind].push(told);
        Ok(())
    }

    /// Writes the remaining files, then the manifest, so that a manifest never refers to missing files. Returns its key.
    async fn finish(mut self, map_run_arn: &str) -> Result<String, Stop> {
        for kind in [FAILED, PENDING, SUCCEEDED] {
            if !self.open[kind].is_empty() {
                self.close(kind).await?;
            }
        }
        let [failed, pending, succeeded] = std::mem::take(&mut self.written);
        let manifest = json!({
            "DestinationBucket": self.to.bucket,
            "MapRunArn": map_run_arn,
            "ResultFiles": {"FAILED": failed, "PENDING": pending, "SUCCEEDED": succeeded},
        });
        let key = format!("{}/manifest.json", self.folder);
        self.put(&key, manifest.to_string()).await?;
        Ok(key)
    }

    async fn put(&mut self, key: &str, text: String) -> Result<(), Stop> {
        let parameters = json!({"Bucket": self.to.bucket, "Key": key, "Body": text, "ContentType": "application/json"});
        let attempt = self.attempt.part(self.puts);
        self.puts += 1;
        services::call_s3(self.engine, "putObject", parameters, attempt).await.map(drop).map_err(Stop::Failed)
    }
}

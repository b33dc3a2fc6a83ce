/**
 * Generated from what `metalith serve` serves at /api/v1/openapi.json; not edited by hand.
 * `UPDATE_EXPECT=1 cargo xtask web` writes it anew.
 */

export interface paths {
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Entries of the audit log, the newest first. */
        get: operations["audit_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/verification": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Goes through the audit log and says whether it holds. */
        get: operations["audit_verify"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deletions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Deletions, the newest first. */
        get: operations["deletions_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deletions/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Finds what a deletion would do, and does nothing. For a quarter of an hour its maker can have it
         *     carried out.
         */
        post: operations["deletions_plan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deletions/plans/{deletion}/execute": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Carries out a plan. Refused as a whole, before anything changes, when something stands in its
         *     way; what was written since the plan is not touched.
         */
        post: operations["deletions_execute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deletions/purge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tries again to delete objects of deletions whose rows are gone. */
        post: operations["deletions_purge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deletions/{deletion}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A deletion, with everything that is recorded of it. */
        get: operations["deletions_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deletions/{deletion}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Brings a soft deletion back. */
        post: operations["deletions_restore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/features": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The features of the project. */
        get: operations["features_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/features/{feature}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A feature and how it stands. Its name is written `video__raw`, or `video%2Fraw`. */
        get: operations["features_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/features/{feature}/increment": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is to be computed, recomputed, or considered for deletion. */
        get: operations["features_increment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/features/{feature}/samples": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Samples of a feature, in the order of their ids: as JSON, or as a stream of Arrow record batches
         *     if `Accept` asks for it; then the header `metalith-total` has their number.
         */
        get: operations["features_samples"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every hold there ever was, the newest first. */
        get: operations["holds_list"];
        put?: never;
        /** Keeps samples from every deletion. */
        post: operations["holds_add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/holds/{hold}/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Releases a hold. */
        post: operations["holds_release"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/synthetic": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Jobs, the newest first. */
        get: operations["jobs_list"];
        put?: never;
        /** Begins a job in the background. */
        post: operations["jobs_submit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/synthetic/datasets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Datasets, the newest first. */
        get: operations["datasets_list"];
        put?: never;
        /** Registers a dataset that was made elsewhere. */
        post: operations["datasets_register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/synthetic/datasets/{dataset_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A dataset, with the models that were trained on it. */
        get: operations["datasets_get"];
        put?: never;
        post?: never;
        /**
         * Deletes a dataset for good, with its samples and its objects, unless an active model uses it.
         *     When objects remain to be deleted, the headers say so; the rest is done in the background.
         */
        delete: operations["datasets_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/synthetic/datasets/{dataset_id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What deleting a dataset would do. */
        get: operations["datasets_plan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/synthetic/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A job, with how far it is. */
        get: operations["jobs_get"];
        put?: never;
        post?: never;
        /**
         * Deletes a job, and with `delete_dataset=true` every dataset that it made. One at work is stopped
         *     first. Nothing happens when an active model uses any of the datasets.
         */
        delete: operations["jobs_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/synthetic/{job_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stops a job, and waits until it has stopped. */
        post: operations["jobs_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/synthetic/{job_id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What deleting a job would do. */
        get: operations["jobs_plan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Models, the newest first. */
        get: operations["models_list"];
        put?: never;
        /** Registers a model and the datasets it was trained on. */
        post: operations["models_register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A model, with the datasets it was trained on. */
        get: operations["models_get"];
        put?: never;
        post?: never;
        /** Deletes a model for good. The datasets it was trained on stay. */
        delete: operations["models_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model_id}/activate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Puts a model in use. */
        post: operations["models_activate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{model_id}/deactivate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a model out of use. */
        post: operations["models_deactivate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/objects/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Compares what lies in the places that features declare with what samples name. */
        get: operations["storage_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/objects/audit/fix": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deletes objects that nobody names. */
        post: operations["storage_fix"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This description. */
        get: operations["system_openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/retention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What has been kept long enough, and what will be next. */
        get: operations["storage_due"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/retention/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deletes what has been kept long enough. */
        post: operations["storage_apply"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Runs of pipelines, the newest first. */
        get: operations["runs_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A run of a pipeline. */
        get: operations["runs_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How every feature stands. */
        get: operations["storage_statistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers. */
        get: operations["system_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Figures for Prometheus, of all spaces: for those who look after the whole server. */
        get: operations["system_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the store can be read. */
        get: operations["system_ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What applying retention did. */
        AppliedView: {
            /** @description Features of which something is due and cannot go. */
            blocked: string[];
            /** @description The ids of the deletions that were carried out. */
            deletions: string[];
        };
        /** @description What a comparison of storage with what samples name found. */
        AuditView: {
            /**
             * Format: int64
             * @description Their bytes.
             */
            bytes: number;
            /**
             * Format: int64
             * @description How many objects are named and not there.
             */
            missing: number;
            /** @description Some of them. */
            missing_examples: string[];
            /**
             * Format: int64
             * @description How many objects there are.
             */
            objects: number;
            /**
             * Format: int64
             * @description How many of those are old enough to be deleted.
             */
            old_orphans: number;
            /**
             * Format: int64
             * @description Their bytes.
             */
            orphan_bytes: number;
            /** @description Some of them. */
            orphan_examples: string[];
            /**
             * Format: int64
             * @description How many of them nobody names.
             */
            orphans: number;
            /** @description The same of each bucket, or of the folders of this machine. */
            places: components["schemas"]["PlaceView"][];
            /** @description What was listed: the places that features declare. */
            prefixes: string[];
        };
        /** @description Something that stands in the way of a deletion. */
        BlockerView: {
            /** @description The feature of those that refer to it. */
            by?: string | null;
            /** @description The feature whose samples would go. */
            feature: string;
            /** @description The hold, if it is one. */
            hold?: string | null;
            /** @description Their names. */
            names: string[];
            /** @description The sample that would go, if it is a reference that is in the way. */
            target?: string | null;
            /** @description What it is, in words. */
            text: string;
            /** @description What to do about it. */
            way_out: string;
        };
        /**
         * @description What is taken along.
         * @enum {string}
         */
        CascadeName: "none" | "downstream" | "upstream" | "both";
        /** @description A dataset with the models that were trained on it. */
        DatasetDetail: components["schemas"]["DatasetView"] & {
            /** @description The models, by name. */
            models: components["schemas"]["ModelRef"][];
        };
        /** @description A dataset. */
        DatasetView: {
            /**
             * Format: int64
             * @description How many bytes its objects have.
             */
            bytes: number;
            /** @description When it was made. */
            created_at: string;
            /** @description The job that made it, while there is one. */
            created_by_job_id?: string | null;
            /** @description Its id. */
            dataset_id: string;
            /** @description What is in it; `iq_raw` ones have objects. */
            dataset_type: string;
            /** @description What people call it. */
            name: string;
            /**
             * Format: int64
             * @description How many samples it was made to have.
             */
            num_samples: number;
        };
        /** @description What to delete. */
        DeletionBody: {
            /** @description `none`, `downstream`, `upstream` or `both`: what is taken along. */
            cascade?: components["schemas"]["CascadeName"];
            /**
             * @description The feature that the filters are about.
             * @example video/raw
             */
            feature: string;
            /**
             * @description Conditions in SQL, all of which a sample must meet.
             * @example [
             *       "path = 'x.mp4'"
             *     ]
             */
            filters?: string[];
            /** @description `soft`, which can be restored, or `hard`. */
            mode?: components["schemas"]["ModeName"];
            /** @description Why, for the tombstones and the logs. */
            reason?: string | null;
        };
        /** @description A deletion there was, or that is not finished. */
        DeletionView: {
            /** @description Who asked for it. */
            actor?: string | null;
            /** @description When it was done, or begun. */
            at: string;
            /** @description What it took along. */
            cascade: string;
            /** @description The entries of the audit log about it. */
            entries: components["schemas"]["EntryView"][];
            /**
             * Format: int64
             * @description How many objects could not be deleted when it was last tried.
             */
            failed: number;
            /** @description Which, with what storage said, the first thousand. */
            failures: components["schemas"]["FailureView"][];
            /** @description The feature it was asked for. */
            feature?: string | null;
            /** @description Its id. */
            id: string;
            /**
             * Format: int64
             * @description How many objects stay because something else names them.
             */
            kept: number;
            /** @description `soft` or `hard`. */
            mode: string;
            /**
             * Format: int64
             * @description How many objects wait to be deleted, as far as known.
             */
            pending: number;
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: int64
             * @description How many samples, of all features.
             */
            samples: number;
            /** @description `done`, `restored`, `blocked`, `unfinished` or `purge pending`. */
            state: string;
            /** @description What was done to each feature. */
            steps: Record<string, unknown>[];
        };
        /** @description What was carried out. */
        DoneView: {
            /** @description The id of the deletion, by which it can be restored if it was soft. */
            deletion: string;
            /** @description `soft` or `hard`. */
            mode: string;
            /**
             * Format: int64
             * @description Objects that were deleted.
             */
            objects_deleted: number;
            /**
             * Format: int64
             * @description Objects that could not be deleted.
             */
            objects_failed: number;
            /**
             * Format: int64
             * @description Objects that stay because something else names them.
             */
            objects_kept: number;
            /**
             * Format: int64
             * @description Objects that wait to be deleted, which is tried again in the background.
             */
            objects_pending: number;
            /**
             * Format: int64
             * @description How many samples, of all features.
             */
            samples: number;
        };
        /** @description What one rule of one feature asks for. */
        DueView: {
            /** @description What stands in the way. */
            blockers: components["schemas"]["BlockerView"][];
            /** @description The feature. */
            feature: string;
            /**
             * Format: int64
             * @description Samples that are due and held.
             */
            held: number;
            /** @description When the next sample will be due. */
            next?: string | null;
            /** @description `expire`, `keep_deleted` or `keep_versions`. */
            rule: string;
            /**
             * Format: int64
             * @description Samples that are due now.
             */
            samples: number;
        };
        /** @description An entry of the audit log. */
        EntryView: {
            /** @description Who did it. */
            actor?: string | null;
            /** @description When it happened. */
            at: string;
            /** @description The deletion it is about. */
            deletion?: string | null;
            /** @description Figures. */
            details: Record<string, unknown>;
            /** @description What happened. */
            event: string;
            /** @description The hash of this entry. */
            hash: string;
            /**
             * Format: int64
             * @description Its number, counted from 1.
             */
            number: number;
        };
        /** @description An object that could not be deleted. */
        FailureView: {
            /** @description Its address. */
            address: string;
            /** @description What storage said. */
            reason: string;
        };
        /** @description A feature and how it stands. */
        FeatureDetail: components["schemas"]["FeatureView"] & {
            /** @description How it stands. */
            status: components["schemas"]["StatusView"];
        };
        /** @description How one feature stands. */
        FeatureFigures: components["schemas"]["StatusView"] & {
            /** @description The feature. */
            feature: string;
        };
        /** @description A feature, as it is declared. */
        FeatureView: {
            /** @description What it is computed from. */
            deps: string[];
            /** @description What it is, for people. */
            description?: string | null;
            /** @description The version of its definition, that of its upstreams included. */
            feature_version: string;
            /** @description The logical parts of its data, with their versions. */
            fields: components["schemas"]["FieldView"][];
            /** @description The columns that identify a sample. */
            id_columns: string[];
            /** @description Its name. */
            key: string;
        };
        /** @description The features of the project. */
        Features: {
            /** @description The features, upstreams first. */
            features: components["schemas"]["FeatureView"][];
            /** @description The version of the whole graph. */
            snapshot_version: string;
        };
        /** @description A logical part of a feature's data. */
        FieldView: {
            /** @description Its name. */
            key: string;
            /** @description Its version. */
            version: string;
        };
        /** @description Something that is wrong with the log. */
        FindingView: {
            /**
             * Format: int64
             * @description The number of the entry.
             */
            number: number;
            /** @description What is wrong with it. */
            problem: string;
        };
        /** @description What became of orphans. */
        FixedView: {
            /**
             * Format: int64
             * @description The bytes that were freed.
             */
            bytes: number;
            /**
             * Format: int64
             * @description How many were deleted.
             */
            deleted: number;
            /**
             * Format: int64
             * @description How many could not be.
             */
            failed: number;
        };
        /** @description How the server is. */
        Health: {
            /** @description `ok`. */
            status: string;
            /** @description The version of Metalith. */
            version: string;
        };
        /** @description What to hold. */
        HoldBody: {
            /**
             * @description Whose samples.
             * @example video/raw
             */
            feature: string;
            /** @description Conditions in SQL, all of which a sample must meet to be held. */
            filters?: string[];
            /** @description Why. */
            reason?: string | null;
        };
        /** @description A hold. */
        HoldView: {
            /** @description Who placed it, or released it. */
            actor?: string | null;
            /** @description When. */
            at: string;
            /** @description Whose samples are held. */
            feature: string;
            /** @description Conditions that a sample must meet to be held. None: every sample. */
            filters: string[];
            /** @description By which it is released. */
            id: string;
            /** @description Whether it is not in force any more. */
            is_released: boolean;
            /** @description Why. */
            reason?: string | null;
        };
        /** @description The sizes of an increment. */
        IncrementView: {
            /**
             * Format: int64
             * @description Samples to compute.
             */
            new: number;
            /**
             * Format: int64
             * @description Samples to consider deleting.
             */
            orphaned: number;
            /**
             * Format: int64
             * @description Samples to recompute.
             */
            stale: number;
            /**
             * Format: int64
             * @description Samples whose upstream has yet to be written under its new definition.
             */
            waiting: number;
        };
        /** @description What deleting a job did. */
        JobDeletedView: {
            /**
             * Format: int64
             * @description How many of its datasets went.
             */
            datasets_deleted: number;
            /** @description The job. */
            job_id: string;
            /** @description In words. */
            message: string;
            /**
             * Format: int64
             * @description How many objects went.
             */
            minio_files_deleted: number;
            /**
             * Format: int64
             * @description How many objects could not be deleted; left out when there are none.
             */
            minio_files_failed?: number;
            /**
             * Format: int64
             * @description How many objects stay because something else names them; left out when there are none.
             */
            minio_files_kept?: number;
            /**
             * Format: int64
             * @description How many objects wait to be deleted, which is tried again in the background; left out when
             *     there are none.
             */
            minio_files_pending?: number;
        };
        /** @description Work in the background. */
        JobView: {
            /**
             * Format: int64
             * @description How often it was begun.
             */
            attempts: number;
            /** @description What it was asked to do. */
            config: Record<string, unknown>;
            /** @description When. */
            created_at: string;
            /** @description Who asked for it. */
            created_by?: string | null;
            /**
             * Format: int64
             * @description How much of it is done.
             */
            done: number;
            /** @description Why it could not go on. */
            error?: string | null;
            /** @description When it was over. */
            finished_at?: string | null;
            /** @description Its id. */
            job_id: string;
            /** @description What it does. */
            kind: string;
            /** @description Its last lines of log. */
            log: string[];
            /** @description What people call it. */
            name: string;
            /** @description When it was begun. */
            started_at?: string | null;
            /** @description `queued`, `running`, `completed`, `failed` or `cancelled`. */
            status: string;
            /**
             * Format: int64
             * @description How much there is to do; 0 while that is not known.
             */
            total: number;
        };
        /** @description A part of a list. */
        Listed_DatasetView: {
            /** @description The part. */
            items: {
                /**
                 * Format: int64
                 * @description How many bytes its objects have.
                 */
                bytes: number;
                /** @description When it was made. */
                created_at: string;
                /** @description The job that made it, while there is one. */
                created_by_job_id?: string | null;
                /** @description Its id. */
                dataset_id: string;
                /** @description What is in it; `iq_raw` ones have objects. */
                dataset_type: string;
                /** @description What people call it. */
                name: string;
                /**
                 * Format: int64
                 * @description How many samples it was made to have.
                 */
                num_samples: number;
            }[];
            /** @description How many were left out before it. */
            offset: number;
            /** @description How many there are in all. */
            total: number;
        };
        /** @description A part of a list. */
        Listed_DeletionView: {
            /** @description The part. */
            items: {
                /** @description Who asked for it. */
                actor?: string | null;
                /** @description When it was done, or begun. */
                at: string;
                /** @description What it took along. */
                cascade: string;
                /** @description The entries of the audit log about it. */
                entries: components["schemas"]["EntryView"][];
                /**
                 * Format: int64
                 * @description How many objects could not be deleted when it was last tried.
                 */
                failed: number;
                /** @description Which, with what storage said, the first thousand. */
                failures: components["schemas"]["FailureView"][];
                /** @description The feature it was asked for. */
                feature?: string | null;
                /** @description Its id. */
                id: string;
                /**
                 * Format: int64
                 * @description How many objects stay because something else names them.
                 */
                kept: number;
                /** @description `soft` or `hard`. */
                mode: string;
                /**
                 * Format: int64
                 * @description How many objects wait to be deleted, as far as known.
                 */
                pending: number;
                /** @description Why. */
                reason?: string | null;
                /**
                 * Format: int64
                 * @description How many samples, of all features.
                 */
                samples: number;
                /** @description `done`, `restored`, `blocked`, `unfinished` or `purge pending`. */
                state: string;
                /** @description What was done to each feature. */
                steps: Record<string, unknown>[];
            }[];
            /** @description How many were left out before it. */
            offset: number;
            /** @description How many there are in all. */
            total: number;
        };
        /** @description A part of a list. */
        Listed_EntryView: {
            /** @description The part. */
            items: {
                /** @description Who did it. */
                actor?: string | null;
                /** @description When it happened. */
                at: string;
                /** @description The deletion it is about. */
                deletion?: string | null;
                /** @description Figures. */
                details: Record<string, unknown>;
                /** @description What happened. */
                event: string;
                /** @description The hash of this entry. */
                hash: string;
                /**
                 * Format: int64
                 * @description Its number, counted from 1.
                 */
                number: number;
            }[];
            /** @description How many were left out before it. */
            offset: number;
            /** @description How many there are in all. */
            total: number;
        };
        /** @description A part of a list. */
        Listed_HoldView: {
            /** @description The part. */
            items: {
                /** @description Who placed it, or released it. */
                actor?: string | null;
                /** @description When. */
                at: string;
                /** @description Whose samples are held. */
                feature: string;
                /** @description Conditions that a sample must meet to be held. None: every sample. */
                filters: string[];
                /** @description By which it is released. */
                id: string;
                /** @description Whether it is not in force any more. */
                is_released: boolean;
                /** @description Why. */
                reason?: string | null;
            }[];
            /** @description How many were left out before it. */
            offset: number;
            /** @description How many there are in all. */
            total: number;
        };
        /** @description A part of a list. */
        Listed_JobView: {
            /** @description The part. */
            items: {
                /**
                 * Format: int64
                 * @description How often it was begun.
                 */
                attempts: number;
                /** @description What it was asked to do. */
                config: Record<string, unknown>;
                /** @description When. */
                created_at: string;
                /** @description Who asked for it. */
                created_by?: string | null;
                /**
                 * Format: int64
                 * @description How much of it is done.
                 */
                done: number;
                /** @description Why it could not go on. */
                error?: string | null;
                /** @description When it was over. */
                finished_at?: string | null;
                /** @description Its id. */
                job_id: string;
                /** @description What it does. */
                kind: string;
                /** @description Its last lines of log. */
                log: string[];
                /** @description What people call it. */
                name: string;
                /** @description When it was begun. */
                started_at?: string | null;
                /** @description `queued`, `running`, `completed`, `failed` or `cancelled`. */
                status: string;
                /**
                 * Format: int64
                 * @description How much there is to do; 0 while that is not known.
                 */
                total: number;
            }[];
            /** @description How many were left out before it. */
            offset: number;
            /** @description How many there are in all. */
            total: number;
        };
        /** @description A part of a list. */
        Listed_ModelRef: {
            /** @description The part. */
            items: {
                /** @description When it was registered. */
                created_at: string;
                /** @description Whether it is in use. Then the datasets it was trained on may not go. */
                is_active: boolean;
                /** @description Its id. */
                model_id: string;
                /** @description What people call it. */
                name: string;
            }[];
            /** @description How many were left out before it. */
            offset: number;
            /** @description How many there are in all. */
            total: number;
        };
        /** @description A part of a list. */
        Listed_RunView: {
            /** @description The part. */
            items: {
                /** @description Who ran it. */
                actor?: string | null;
                /** @description Inputs with their versions, counts of operations, outputs. */
                details: Record<string, unknown>;
                /** @description Why it failed. */
                error?: string | null;
                /** @description Its project file. */
                file: string;
                /** @description When it ended; nothing while it is at work, and for ever after it was killed. */
                finished_at?: string | null;
                /** @description `begun`, `publishing`, `succeeded`, `failed` or `interrupted`. */
                outcome: string;
                /** @description What the pipeline is called. */
                pipeline: string;
                /** @description Its id. */
                run: string;
                /** @description When it began. */
                started_at: string;
            }[];
            /** @description How many were left out before it. */
            offset: number;
            /** @description How many there are in all. */
            total: number;
        };
        /**
         * @description Soft or hard.
         * @enum {string}
         */
        ModeName: "soft" | "hard";
        /** @description A model with the datasets it was trained on. */
        ModelDetail: components["schemas"]["ModelRef"] & {
            /** @description The ids of the datasets, also of such that are gone. */
            dataset_ids: string[];
        };
        /** @description A model. */
        ModelRef: {
            /** @description When it was registered. */
            created_at: string;
            /** @description Whether it is in use. Then the datasets it was trained on may not go. */
            is_active: boolean;
            /** @description Its id. */
            model_id: string;
            /** @description What people call it. */
            name: string;
        };
        /** @description A dataset to be registered. */
        NewDatasetBody: {
            /** @description The job that made it. */
            created_by_job_id?: string | null;
            /**
             * @description What is in it.
             * @example features
             */
            dataset_type: string;
            /**
             * @description What people call it.
             * @example recordings
             */
            name: string;
        };
        /** @description A job to be done. */
        NewJobBody: {
            /** @description How, as its kind says. */
            config: Record<string, unknown>;
            /**
             * @description `iq_raw` makes a dataset, `scan` makes samples of files, `pipeline` runs one.
             * @example iq_raw
             */
            kind: string;
            /**
             * @description What people call it.
             * @example make tones
             */
            name: string;
        };
        /** @description A model to be registered. */
        NewModelBody: {
            /** @description The ids of the datasets it was trained on. */
            dataset_ids?: string[] | null;
            /** @description Whether it is in use. */
            is_active?: boolean | null;
            /** @description What people call it. */
            name: string;
        };
        /** @description That work goes on which nobody could wait for. */
        OngoingView: {
            /** @description The deletion that goes on, if one was begun by now. */
            deletion?: string | null;
            /** @description Where to look for what comes of it. */
            look: string;
            /** @description In words. */
            message: string;
        };
        /**
         * @description Which part of an increment.
         * @enum {string}
         */
        Part: "new" | "stale" | "orphaned";
        /** @description What lies in a bucket. */
        PlaceView: {
            /**
             * Format: int64
             * @description Their bytes.
             */
            bytes: number;
            /**
             * Format: int64
             * @description How many objects.
             */
            objects: number;
            /** @description The bucket, or `file://` for folders of this machine. */
            place: string;
        };
        /** @description A hold that was placed. */
        PlacedView: components["schemas"]["HoldView"] & {
            /**
             * Format: int64
             * @description How many samples it holds now.
             */
            held: number;
        };
        /** @description What a deletion would do. */
        PlanView: {
            /** @description What stands in its way. While there is anything, it cannot be carried out. */
            blockers: components["schemas"]["BlockerView"][];
            /**
             * Format: int64
             * @description Their bytes, where they are known.
             */
            bytes?: number | null;
            /** @description The id that the deletion will have. */
            id: string;
            /** @description `soft` or `hard`. */
            mode: string;
            /**
             * Format: int64
             * @description How many objects go.
             */
            objects: number;
            /**
             * Format: int64
             * @description How many samples go, of all features.
             */
            samples: number;
            /** @description What happens, first things first. */
            steps: components["schemas"]["StepView"][];
        };
        /** @description What went wrong. Without a `type`, which stands for `about:blank`: `code` tells problems apart. */
        Problem: {
            /** @description What stands in the way of a deletion. */
            blockers?: components["schemas"]["BlockerView"][];
            /** @description A stable name of the problem. */
            code: string;
            /** @description What happened, to what. */
            detail: string;
            /** @description What to do about it. */
            hint?: string | null;
            /**
             * Format: int32
             * @description The status.
             */
            status: number;
            /** @description What the status means. */
            title: string;
        };
        /** @description What became of objects that waited. */
        PurgedView: {
            /**
             * Format: int64
             * @description Deletions that were taken up again.
             */
            deletions: number;
            /**
             * Format: int64
             * @description Objects that were deleted.
             */
            objects_deleted: number;
            /**
             * Format: int64
             * @description Objects that could not be deleted; they are tried again.
             */
            objects_failed: number;
            /**
             * Format: int64
             * @description Those that are still not finished.
             */
            unfinished: number;
        };
        /** @description How to restore. */
        RestoreBody: {
            /** @description Only say what would come back. */
            dry_run?: boolean;
            /** @description Conditions in SQL; only samples that meet them come back, with what belongs to them. */
            filters?: string[];
        };
        /** @description What came back of a feature. */
        RestoredView: {
            /** @description The feature. */
            feature: string;
            /**
             * Format: int64
             * @description How many samples refer again to what came back.
             */
            reattached: number;
            /**
             * Format: int64
             * @description How many samples.
             */
            samples: number;
        };
        /** @description A run of a pipeline. */
        RunView: {
            /** @description Who ran it. */
            actor?: string | null;
            /** @description Inputs with their versions, counts of operations, outputs. */
            details: Record<string, unknown>;
            /** @description Why it failed. */
            error?: string | null;
            /** @description Its project file. */
            file: string;
            /** @description When it ended; nothing while it is at work, and for ever after it was killed. */
            finished_at?: string | null;
            /** @description `begun`, `publishing`, `succeeded`, `failed` or `interrupted`. */
            outcome: string;
            /** @description What the pipeline is called. */
            pipeline: string;
            /** @description Its id. */
            run: string;
            /** @description When it began. */
            started_at: string;
        };
        /** @description A part of the samples of a feature. */
        Samples: {
            /** @description The samples. */
            items: Record<string, unknown>[];
            /** @description How many were left out before these. */
            offset: number;
            /** @description How many there are in all. */
            total: number;
        };
        /** @description How every feature stands. */
        Statistics: {
            /**
             * Format: int64
             * @description Bytes of all tables.
             */
            bytes: number;
            /** @description Features that have samples. */
            features: components["schemas"]["FeatureFigures"][];
            /**
             * Format: int64
             * @description Current samples of all features.
             */
            samples: number;
        };
        /** @description How a feature stands. */
        StatusView: {
            /**
             * Format: int64
             * @description Bytes stored.
             */
            bytes: number;
            /**
             * Format: int64
             * @description Samples that are deleted and could be restored.
             */
            deleted: number;
            increment?: null | components["schemas"]["IncrementView"];
            /**
             * Format: int64
             * @description Stored rows, history and tombstones included.
             */
            rows: number;
            /**
             * Format: int64
             * @description Current samples.
             */
            samples: number;
        };
        /** @description What a deletion would do to one feature. */
        StepView: {
            /** @description `delete`, or `set_null`. */
            action: string;
            /**
             * Format: int64
             * @description Their bytes, where they are known.
             */
            bytes?: number | null;
            /** @description The feature. */
            feature: string;
            /**
             * Format: int64
             * @description Objects that go.
             */
            objects: number;
            /**
             * Format: int64
             * @description How many rows are appended or removed.
             */
            rows: number;
            /**
             * Format: int64
             * @description To how many samples.
             */
            samples: number;
            /**
             * Format: int64
             * @description Samples that stay without one of their inputs.
             */
            stale: number;
        };
        /** @description What was found by going through the log. */
        Verification: {
            /**
             * Format: int64
             * @description How many entries there are.
             */
            entries: number;
            /** @description What is wrong. */
            findings: components["schemas"]["FindingView"][];
            /** @description The hash of the last one; keep it elsewhere. */
            head?: string | null;
            /** @description Whether nothing was changed, removed or moved. */
            holds: boolean;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    audit_list: {
        parameters: {
            query?: {
                /** @description How many to leave out. */
                offset?: number;
                /** @description How many to give at most. */
                limit?: number;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed_EntryView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    audit_verify: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deletions_list: {
        parameters: {
            query?: {
                /** @description How many to leave out. */
                offset?: number;
                /** @description How many to give at most. */
                limit?: number;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed_DeletionView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deletions_plan: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeletionBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deletions_execute: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                deletion: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    "metalith-cleanup"?: string;
                    "metalith-deletion"?: string;
                    "metalith-objects-deleted"?: number;
                    "metalith-objects-failed"?: number;
                    "metalith-objects-kept"?: number;
                    "metalith-objects-pending"?: number;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deletions_purge: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PurgedView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deletions_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                deletion: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletionView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deletions_restore: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                deletion: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RestoreBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RestoredView"][];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    features_list: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Features"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    features_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                feature: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeatureDetail"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    features_increment: {
        parameters: {
            query: {
                /** @description Which part of it. */
                part: components["schemas"]["Part"];
                /** @description How many samples to leave out. */
                offset?: number;
                /** @description How many samples to give at most. */
                limit?: number;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                feature: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description how many there are in all, beside Arrow */
                    "metalith-total"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Samples"];
                    "application/vnd.apache.arrow.stream": string;
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    features_samples: {
        parameters: {
            query?: {
                /** @description A condition in SQL. */
                filter?: string;
                /** @description The columns, by name, with commas between them. */
                columns?: string;
                /** @description How many samples to leave out, in the order of their ids. */
                offset?: number;
                /** @description How many samples to give at most. */
                limit?: number;
                /** @description Softly deleted samples too. */
                include_deleted?: boolean;
                /** @description Samples of every feature version, not only of the current one. */
                feature_history?: boolean;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                feature: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description how many there are in all, beside Arrow */
                    "metalith-total"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Samples"];
                    "application/vnd.apache.arrow.stream": string;
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    holds_list: {
        parameters: {
            query?: {
                /** @description How many to leave out. */
                offset?: number;
                /** @description How many to give at most. */
                limit?: number;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed_HoldView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    holds_add: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HoldBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlacedView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    holds_release: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                hold: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    jobs_list: {
        parameters: {
            query?: {
                /** @description How many to leave out. */
                offset?: number;
                /** @description How many to give at most. */
                limit?: number;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed_JobView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    jobs_submit: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewJobBody"];
            };
        };
        responses: {
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"] | components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    datasets_list: {
        parameters: {
            query?: {
                /** @description How many to leave out. */
                offset?: number;
                /** @description How many to give at most. */
                limit?: number;
                /** @description Only those that no sample belongs to. */
                without_samples?: boolean;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed_DatasetView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    datasets_register: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewDatasetBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatasetView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    datasets_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                dataset_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatasetDetail"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    datasets_delete: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                dataset_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            204: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    "metalith-cleanup"?: string;
                    "metalith-deletion"?: string;
                    "metalith-objects-deleted"?: number;
                    "metalith-objects-failed"?: number;
                    "metalith-objects-kept"?: number;
                    "metalith-objects-pending"?: number;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    datasets_plan: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                dataset_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    jobs_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    jobs_delete: {
        parameters: {
            query?: {
                /** @description Whether the datasets that the job made go with it, for good. */
                delete_dataset?: boolean;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    "metalith-cleanup"?: string;
                    "metalith-deletion"?: string;
                    "metalith-objects-deleted"?: number;
                    "metalith-objects-failed"?: number;
                    "metalith-objects-kept"?: number;
                    "metalith-objects-pending"?: number;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobDeletedView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    jobs_cancel: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    jobs_plan: {
        parameters: {
            query?: {
                /** @description Whether the datasets that the job made go with it, for good. */
                delete_dataset?: boolean;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    models_list: {
        parameters: {
            query?: {
                /** @description How many to leave out. */
                offset?: number;
                /** @description How many to give at most. */
                limit?: number;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed_ModelRef"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    models_register: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewModelBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelDetail"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    models_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelDetail"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    models_delete: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            204: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    models_activate: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelRef"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    models_deactivate: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path: {
                model_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelRef"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    storage_audit: {
        parameters: {
            query?: {
                /**
                 * @description Objects younger than this may be about to be named, e.g. `1h` or `7 days`; a day if nothing
                 *     is said.
                 */
                min_age?: string;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    storage_fix: {
        parameters: {
            query?: {
                /**
                 * @description Objects younger than this may be about to be named, e.g. `1h` or `7 days`; a day if nothing
                 *     is said.
                 */
                min_age?: string;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FixedView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    system_openapi: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    storage_due: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DueView"][];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    storage_apply: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
                /** @description sent again with the same key, the request does nothing again and gets the same answer */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AppliedView"];
                };
            };
            /** @description it takes longer, and goes on to its end */
            202: {
                headers: {
                    /** @description `true` for an answer that was given before */
                    "idempotency-replayed"?: string;
                    /** @description where to look for what comes of it */
                    location?: string;
                    /** @description the deletion that goes on, if it is one */
                    "metalith-deletion"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OngoingView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the body is too long */
            413: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description the idempotency key was used for another request */
            422: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    runs_list: {
        parameters: {
            query?: {
                /** @description How many to leave out. */
                offset?: number;
                /** @description How many to give at most. */
                limit?: number;
            };
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Listed_RunView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    runs_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path: {
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunView"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    storage_statistics: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Statistics"];
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    system_health: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    system_metrics: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description something about the request makes no sense */
            400: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a valid token is needed */
            401: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this token may not do it, or another site's page sent the request */
            403: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it is not there, or the project has no registry */
            404: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description something stands in the way, or somebody else changed the same */
            409: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description this store cannot do it */
            501: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description storage cannot be reached, or too much is asked for; try again */
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description it took too long, and was given up; nothing of it goes on */
            504: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    system_ready: {
        parameters: {
            query?: never;
            header?: {
                /** @description an id for the log, which is sent back */
                "x-request-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description a defect, or stored data that contradicts itself */
            500: {
                headers: {
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    /** @description after how many seconds to try again */
                    "retry-after"?: string;
                    /** @description the id of the request */
                    "x-request-id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}

//! Where kinds of objects have pods inside of them.
//!
//! Each row was read off the definition of its kind: those of Kubernetes' own, and the
//! CustomResourceDefinitions that the projects publish. A kind may have many rows, and versions of one
//! kind share them: what is not there is skipped.

/// A place in a kind of object that becomes a pod.
pub(super) struct Way {
    /// The kind of object.
    pub(super) kind: &'static str,
    /// The way to what has the fields of a PodSpec. Where it ends with `spec`, what is around that has
    /// the labels and annotations of the pod.
    pub(super) spec: &'static str,
    /// The ways from there to containers.
    pub(super) containers: &'static [&'static str],
    /// Where the object has fields of the PodSpec for all its pods: `spec` of an Argo Workflow.
    pub(super) shared: Option<&'static str>,
}

/// The ways to the whole PodSpecs in objects of a kind; `[]` is each item of a list, `*` each member of a map.
pub fn pod_specs(kind: &str) -> impl Iterator<Item = &'static str> {
    let of_kind = WAYS.iter().filter(move |way| way.kind == kind);
    let whole = of_kind.filter(|way| way.containers == CONTAINERS && way.shared.is_none());
    whole.map(|way| way.spec)
}

const fn pod(kind: &'static str, spec: &'static str) -> Way {
    with(kind, spec, CONTAINERS)
}

const fn with(kind: &'static str, spec: &'static str, containers: &'static [&'static str]) -> Way {
    Way {
        kind,
        spec,
        containers,
        shared: None,
    }
}

const fn argo(kind: &'static str, spec: &'static str, shared: &'static str) -> Way {
    Way {
        kind,
        spec,
        containers: ARGO,
        shared: Some(shared),
    }
}

/// Those of a PodSpec.
pub(super) const CONTAINERS: &[&str] =
    &["initContainers[]", "containers[]", "ephemeralContainers[]"];

/// Those of a component of KServe: a PodSpec, and one container for each framework.
const PREDICTOR: &[&str] = &[
    "initContainers[]",
    "containers[]",
    "model",
    "huggingface",
    "lightgbm",
    "onnx",
    "paddle",
    "pmml",
    "pytorch",
    "sklearn",
    "tensorflow",
    "triton",
    "xgboost",
    "alibi",
    "art",
];

/// Those of a template of an Argo Workflow.
const ARGO: &[&str] = &[
    "initContainers[]",
    "container",
    "script",
    "sidecars[]",
    "containerSet.containers[]",
];

/// Those of a Tekton Task.
const TEKTON: &[&str] = &["stepTemplate", "steps[]", "sidecars[]"];

/// What is a container and has others: a driver of Spark.
const SELF: &[&str] = &["", "sidecars[]", "initContainers[]"];

/// What is one container.
const ALONE: &[&str] = &[""];

pub(super) const WAYS: &[Way] = &[
    // Kubernetes and OpenShift.
    pod("Pod", "spec"),
    pod("PodTemplate", "template.spec"),
    pod("Deployment", "spec.template.spec"),
    pod("StatefulSet", "spec.template.spec"),
    pod("DaemonSet", "spec.template.spec"),
    pod("ReplicaSet", "spec.template.spec"),
    pod("ReplicationController", "spec.template.spec"),
    pod("Job", "spec.template.spec"),
    pod("CronJob", "spec.jobTemplate.spec.template.spec"),
    pod("DeploymentConfig", "spec.template.spec"),
    // KubeRay: ray.io.
    pod("RayCluster", "spec.headGroupSpec.template.spec"),
    pod("RayCluster", "spec.workerGroupSpecs[].template.spec"),
    with("RayCluster", "spec.autoscalerOptions", ALONE),
    pod(
        "RayService",
        "spec.rayClusterConfig.headGroupSpec.template.spec",
    ),
    pod(
        "RayService",
        "spec.rayClusterConfig.workerGroupSpecs[].template.spec",
    ),
    with(
        "RayService",
        "spec.rayClusterConfig.autoscalerOptions",
        ALONE,
    ),
    pod("RayJob", "spec.rayClusterSpec.headGroupSpec.template.spec"),
    pod(
        "RayJob",
        "spec.rayClusterSpec.workerGroupSpecs[].template.spec",
    ),
    pod("RayJob", "spec.submitterPodTemplate.spec"),
    with("RayJob", "spec.rayClusterSpec.autoscalerOptions", ALONE),
    pod(
        "RayCronJob",
        "spec.jobTemplate.rayClusterSpec.headGroupSpec.template.spec",
    ),
    pod(
        "RayCronJob",
        "spec.jobTemplate.rayClusterSpec.workerGroupSpecs[].template.spec",
    ),
    pod("RayCronJob", "spec.jobTemplate.submitterPodTemplate.spec"),
    // KServe: serving.kserve.io.
    with("InferenceService", "spec.predictor", PREDICTOR),
    with("InferenceService", "spec.transformer", PREDICTOR),
    with("InferenceService", "spec.explainer", PREDICTOR),
    with("InferenceService", "spec.canary[].predictor", PREDICTOR),
    pod("InferenceService", "spec.predictor.workerSpec"),
    pod("LLMInferenceService", "spec.template"),
    pod("LLMInferenceService", "spec.worker"),
    pod("LLMInferenceService", "spec.prefill.template"),
    pod("LLMInferenceService", "spec.prefill.worker"),
    pod("LLMInferenceService", "spec.router.scheduler.template"),
    pod(
        "LLMInferenceService",
        "spec.router.scheduler.tokenizer.template",
    ),
    pod("LLMInferenceServiceConfig", "spec.template"),
    pod("LLMInferenceServiceConfig", "spec.worker"),
    pod("LLMInferenceServiceConfig", "spec.prefill.template"),
    pod("LLMInferenceServiceConfig", "spec.prefill.worker"),
    pod(
        "LLMInferenceServiceConfig",
        "spec.router.scheduler.template",
    ),
    pod(
        "LLMInferenceServiceConfig",
        "spec.router.scheduler.tokenizer.template",
    ),
    pod("ServingRuntime", "spec"),
    pod("ServingRuntime", "spec.workerSpec"),
    pod("ClusterServingRuntime", "spec"),
    pod("ClusterServingRuntime", "spec.workerSpec"),
    with("ClusterStorageContainer", "spec.container", ALONE),
    // Kubeflow: kubeflow.org and trainer.kubeflow.org.
    pod("Notebook", "spec.template.spec"),
    pod("PVCViewer", "spec.podSpec"),
    with(
        "PodDefault",
        "spec",
        &["", "initContainers[]", "sidecars[]"],
    ),
    pod("PyTorchJob", "spec.pytorchReplicaSpecs.*.template.spec"),
    pod("TFJob", "spec.tfReplicaSpecs.*.template.spec"),
    pod("MPIJob", "spec.mpiReplicaSpecs.*.template.spec"),
    pod("XGBoostJob", "spec.xgbReplicaSpecs.*.template.spec"),
    pod("PaddleJob", "spec.paddleReplicaSpecs.*.template.spec"),
    pod("JAXJob", "spec.jaxReplicaSpecs.*.template.spec"),
    with("TrainJob", "spec.trainer", ALONE),
    pod("TrainJob", "spec.podSpecOverrides[]"),
    pod(
        "TrainJob",
        "spec.runtimePatches[].trainingRuntimeSpec.template.spec.replicatedJobs[].template.spec.template.spec",
    ),
    pod(
        "TrainingRuntime",
        "spec.template.spec.replicatedJobs[].template.spec.template.spec",
    ),
    pod(
        "ClusterTrainingRuntime",
        "spec.template.spec.replicatedJobs[].template.spec.template.spec",
    ),
    // Sets of jobs and pods: jobset.x-k8s.io, leaderworkerset.x-k8s.io, kueue.x-k8s.io,
    // batch.volcano.sh and flow.volcano.sh.
    pod(
        "JobSet",
        "spec.replicatedJobs[].template.spec.template.spec",
    ),
    pod(
        "LeaderWorkerSet",
        "spec.leaderWorkerTemplate.leaderTemplate.spec",
    ),
    pod(
        "LeaderWorkerSet",
        "spec.leaderWorkerTemplate.workerTemplate.spec",
    ),
    pod(
        "DisaggregatedSet",
        "spec.roles[].spec.leaderWorkerTemplate.leaderTemplate.spec",
    ),
    pod(
        "DisaggregatedSet",
        "spec.roles[].spec.leaderWorkerTemplate.workerTemplate.spec",
    ),
    pod("Workload", "spec.podSets[].template.spec"),
    pod("Job", "spec.tasks[].template.spec"),
    pod("CronJob", "spec.jobTemplate.spec.tasks[].template.spec"),
    pod("JobTemplate", "spec.tasks[].template.spec"),
    // Argo Workflows: argoproj.io.
    argo("Workflow", "spec.templates[]", "spec"),
    argo("Workflow", "spec.templateDefaults", "spec"),
    argo("WorkflowTemplate", "spec.templates[]", "spec"),
    argo("WorkflowTemplate", "spec.templateDefaults", "spec"),
    argo("ClusterWorkflowTemplate", "spec.templates[]", "spec"),
    argo("ClusterWorkflowTemplate", "spec.templateDefaults", "spec"),
    argo(
        "CronWorkflow",
        "spec.workflowSpec.templates[]",
        "spec.workflowSpec",
    ),
    argo(
        "CronWorkflow",
        "spec.workflowSpec.templateDefaults",
        "spec.workflowSpec",
    ),
    // Tekton: tekton.dev.
    with("Task", "spec", TEKTON),
    with("ClusterTask", "spec", TEKTON),
    with("StepAction", "spec", ALONE),
    with("TaskRun", "spec.taskSpec", TEKTON),
    with("TaskRun", "spec.podTemplate", &[]),
    with("Pipeline", "spec.tasks[].taskSpec", TEKTON),
    with("Pipeline", "spec.finally[].taskSpec", TEKTON),
    with("PipelineRun", "spec.pipelineSpec.tasks[].taskSpec", TEKTON),
    with(
        "PipelineRun",
        "spec.pipelineSpec.finally[].taskSpec",
        TEKTON,
    ),
    with("PipelineRun", "spec.taskRunTemplate.podTemplate", &[]),
    // Spark, Seldon, Knative and agents: sparkoperator.k8s.io, machinelearning.seldon.io and
    // mlops.seldon.io, serving.knative.dev, agents.x-k8s.io, and
    // production-stack.vllm.ai.
    with("SparkApplication", "spec.driver", SELF),
    with("SparkApplication", "spec.executor", SELF),
    with("ScheduledSparkApplication", "spec.template.driver", SELF),
    with("ScheduledSparkApplication", "spec.template.executor", SELF),
    pod(
        "SeldonDeployment",
        "spec.predictors[].componentSpecs[].spec",
    ),
    with("VLLMRuntime", "spec", ALONE),
    pod("VLLMRuntime", "spec.podTemplate.spec"),
    pod("Server", "spec.podSpec"),
    pod("ServerConfig", "spec.podSpec"),
    pod("SeldonRuntime", "spec.overrides[].podSpec"),
    pod("SeldonConfig", "spec.components[].podSpec"),
    pod("Service", "spec.template.spec"),
    pod("Configuration", "spec.template.spec"),
    pod("Revision", "spec"),
    pod("Sandbox", "spec.podTemplate.spec"),
    pod("SandboxTemplate", "spec.podTemplate.spec"),
];

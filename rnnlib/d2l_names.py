"""Names of d2l that `rnnlib.d2l` does not have: what each was, and where to look instead.

`OTHER_CHAPTERS` are the public names of release 0.17 outside the recurrent chapters.
`RELEASE_1` are names that release 1.0 brought for its own recurrent chapters, and
`IMPORTED` what release 0.17 only had because it had imported it.
"""

OTHER_CHAPTERS = {
    "linear networks": """
        synthetic_data linreg squared_loss load_array get_fashion_mnist_labels show_images
        get_dataloader_workers load_data_fashion_mnist accuracy evaluate_accuracy
        train_epoch_ch3 train_ch3 predict_ch3
    """,
    "multilayer perceptrons": """
        evaluate_loss download_extract download_all
    """,
    "convolutional networks": """
        corr2d evaluate_accuracy_gpu train_ch6
    """,
    "modern convolutional networks": """
        Residual
    """,
    "sequence to sequence": """
        read_data_nmt preprocess_nmt tokenize_nmt show_list_len_pair_hist truncate_pad
        build_array_nmt load_data_nmt Encoder Decoder EncoderDecoder Seq2SeqEncoder
        sequence_mask MaskedSoftmaxCELoss train_seq2seq predict_seq2seq bleu
    """,
    "attention": """
        show_heatmaps masked_softmax AdditiveAttention DotProductAttention AttentionDecoder
        MultiHeadAttention transpose_qkv transpose_output PositionalEncoding PositionWiseFFN
        AddNorm EncoderBlock TransformerEncoder
    """,
    "optimization": """
        annotate train_2d show_trace_2d get_data_ch11 train_ch11 train_concise_ch11
    """,
    "computational performance": """
        Benchmark split_batch resnet18
    """,
    "computer vision": """
        train_batch_ch13 train_ch13 box_corner_to_center box_center_to_corner bbox_to_rect
        multibox_prior show_bboxes box_iou assign_anchor_to_bbox offset_boxes
        multibox_target offset_inverse nms multibox_detection read_data_bananas
        BananasDataset load_data_bananas read_voc_images voc_colormap2label
        voc_label_indices voc_rand_crop VOCSegDataset load_data_voc read_csv_labels copyfile
        reorg_train_valid reorg_test
    """,
    "pretraining for language": """
        read_ptb subsample get_centers_and_contexts RandomGenerator get_negatives batchify
        load_data_ptb TokenEmbedding get_tokens_and_segments BERTEncoder MaskLM
        NextSentencePred BERTModel load_data_wiki
    """,
    "applications in language": """
        read_imdb load_data_imdb predict_sentiment read_snli SNLIDataset load_data_snli
        predict_snli
    """,
    "generative adversarial networks": """
        update_D update_G
    """,
}

RELEASE_1 = {
    "TimeMachine": "the data set of release 1.0; here load_data_time_machine(batch_size, num_steps)",
    "RNNScratch": "the layer of release 1.0; here rnnlib.layers.RNN",
    "RNN": "the layer of release 1.0; here torch.nn.RNN or rnnlib.layers.RNN",
    "GRUScratch": "the layer of release 1.0; here rnnlib.layers.GRU",
    "GRU": "the layer of release 1.0; here torch.nn.GRU or rnnlib.layers.GRU",
    "LSTMScratch": "the layer of release 1.0; here rnnlib.layers.LSTM",
    "LSTM": "the layer of release 1.0; here torch.nn.LSTM or rnnlib.layers.LSTM",
    "StackedRNNScratch": "the layer of release 1.0; here any layer with num_layers above 1",
    "BiRNNScratch": "the layer of release 1.0; here any layer with bidirectional=True",
    "RNNLMScratch": "the model of release 1.0; here RNNModelScratch or rnnlib.models.LanguageModel",
    "RNNLM": "the model of release 1.0; here RNNModel or rnnlib.models.LanguageModel",
    "Trainer": "the training of release 1.0; here train_ch8 or rnnlib.training.train",
    "Module": "a base class of release 1.0; here torch.nn.Module",
    "DataModule": "a base class of release 1.0; here rnnlib.batches.TextBatches",
    "Classifier": "a base class of release 1.0; here torch.nn.Module",
    "HyperParameters": "a base class of release 1.0; here plain arguments",
    "ProgressBoard": "the plot of release 1.0; here Animator or rnnlib.figures.plot_curves",
    "add_to_class": "a tool of release 1.0; here plain subclasses",
    "SGD": "the optimizer of release 1.0; here sgd or torch.optim.SGD",
    "Data": "a data set of release 1.0; here rnnlib.batches.TextBatches",
    "MTFraEng": "the translation data of release 1.0, which this course does not cover",
    "check_len": "a check of release 1.0; here assert len(a) == n",
    "check_shape": "a check of release 1.0; here rnnlib.shapes or assert a.shape == shape",
    "cpu": "a device of release 1.0; here torch.device('cpu')",
    "gpu": "a device of release 1.0; here try_gpu",
    "num_gpus": "the count of release 1.0; here torch.cuda.device_count()",
    "Seq2Seq": "the translation model of release 1.0, which this course does not cover",
}

IMPORTED = {
    "F": "from torch.nn import functional as F",
    "Image": "from PIL import Image",
    "data": "from torch.utils import data",
    "defaultdict": "from collections import defaultdict",
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "transforms": "from torchvision import transforms",
} | {
    name: f"import {name}"
    for name in (
        "hashlib",
        "math",
        "os",
        "random",
        "re",
        "requests",
        "shutil",
        "sys",
        "tarfile",
        "torchvision",
        "zipfile",
    )
}

ELSEWHERE = {
    name: f"a name of d2l's chapters on {chapter}, which this course does not cover; "
    "look in the book, release 0.17"
    for chapter, names in OTHER_CHAPTERS.items()
    for name in names.split()
}
ELSEWHERE |= dict.fromkeys(
    ["VOC_CLASSES", "VOC_COLORMAP"],
    "a list of d2l's chapters on computer vision, which this course does not cover",
)
ELSEWHERE |= {name: f"it was {what}" for name, what in RELEASE_1.items()}
ELSEWHERE |= {
    name: f"d2l 0.17 had it only because it had imported it; here write: {line}"
    for name, line in IMPORTED.items()
}

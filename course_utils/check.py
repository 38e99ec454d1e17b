"""Check the answers to the exercises; a check prints and never raises."""

import math
from collections.abc import Mapping

import numpy as np


def _unanswered(answer):
    if isinstance(answer, Mapping):
        answer = answer.values()
    elif not isinstance(answer, list | tuple | set):
        return answer is Ellipsis
    return any(map(_unanswered, answer))


def _same(answer, expected):
    """Say whether an answer meets a value, or a predicate that judges it.

    Text is compared without case; floats to 1 %; True is not 1.
    """
    try:
        if callable(expected):
            return bool(expected(answer))
        if isinstance(expected, str):
            return answer.strip().casefold() == expected.casefold()
        if isinstance(expected, list | tuple):
            return len(answer) == len(expected) and all(
                map(_same, answer, expected)
            )
        kinds = [isinstance(x, bool | np.bool_) for x in (answer, expected)]
        if any(kinds):
            return all(kinds) and bool(answer == expected)
        if isinstance(expected, float):
            return math.isclose(answer, expected, rel_tol=0.01)
        return bool(answer == expected)
    except Exception:  # whatever a student may have typed
        return False


def _verdict(answer, right, why, misunderstandings=(), otherwise=""):
    """Print ✓ and why, ✗ and a hint, or … for a stub.

    right: the right value, or a predicate that is true of right answers
    why: one sentence for those who are right
    misunderstandings: pairs (wrong value or predicate, hint); the first that
        fits is named
    otherwise: the hint for any other answer
    """
    if _unanswered(answer):
        print("… replace the `...` with your answer and run the cell again.")
    elif _same(answer, right):
        print(f"✓ {why}")
    else:
        hints = (
            hint for wrong, hint in misunderstandings if _same(answer, wrong)
        )
        print(f"✗ {next(hints, otherwise or 'Not yet: read on above.')}")


def start_numbers(answer):
    """Judge how many numbers a 32 × 32 color picture holds."""
    _verdict(
        answer,
        32 * 32 * 3,
        "3,072: for each of the 32 × 32 pixels its red, green and blue. "
        "Every network of this course starts from these numbers.",
        [
            (32 * 32, "That counts the pixels; each holds three numbers."),
            (32 * 3, "That is one row; the picture has 32 of them."),
            (32 + 32 + 3, "The sides multiply; they do not add up."),
            (
                lambda n: n == 32 * 32 * 3 * 256,
                "256 is how many values each number can take, not how many "
                "numbers there are.",
            ),
            (8 * 32 * 32 * 3, "That is the whole row of eight pictures."),
        ],
        "Multiply height, width and the numbers in a pixel.",
    )


def start_label(answer):
    """Judge which label a fox has in `load_pair("dog", "fox")`."""
    _verdict(
        answer,
        lambda label: label == 1 and not isinstance(label, bool | str),
        "A label is the place of its name in class_names, counted from 0.",
        [
            (0, "Label 0 is the class named first: here, the dog."),
            (2, "Python counts from 0, so the second name has label 1."),
            (lambda name: isinstance(name, str), "A label is a number: the "
             "place of the name in class_names."),
            (lambda label: label is True, "Write the number, 1, not True."),
        ],
        "Look at the order of the names in load_pair.",
    )  # fmt: skip


def start_balanced(answer):
    """Judge the balanced accuracy of a program that always says dog."""
    _verdict(
        answer,
        0.5,
        "All dogs right, no fox right: the mean of 1 and 0. Balanced "
        "accuracy cannot be bought by knowing which class is larger.",
        [
            (100 / 120, "That is plain accuracy: the many dogs hide the "
             "foxes. Take each class's share first, then their mean."),
            (20 / 120, "That is the share of mistakes."),
            (1.0, "All dogs are right, but the foxes count as well."),
            (0.0, "No fox is right, but all the dogs are."),
            (50, "As a share, not in percent."),
        ],
        "Which share of the dogs is right? Of the foxes? Take the mean.",
    )  # fmt: skip


def naive_multiplications(answer):
    """Judge the multiplications of a forward pass on a 64 × 64 picture."""
    inputs, hidden = 64 * 64 * 3, 32
    small = 32 * 32 * 3
    _verdict(
        answer,
        inputs * hidden + hidden,
        "Twice the side, four times the numbers, four times the work. The "
        "last 32 are the output's.",
        [
            (inputs * hidden, "Almost: the output multiplies once for each "
             "hidden unit as well."),
            (small * hidden + hidden, "That is for 32 × 32 pixels."),
            (2 * small * hidden + hidden, "Twice the side is four times the "
             "pixels."),
            (64 * 64 * hidden + hidden, "Each pixel holds three numbers."),
            (inputs + hidden, "Every hidden unit looks at every number: "
             "multiply, do not add."),
            (2 * (inputs * hidden + hidden), "Count multiplications alone, "
             "without the additions."),
            (inputs * hidden + 2 * hidden, "Biases are added, not "
             "multiplied."),
        ],
        "Inputs times hidden units, then the output's own.",
    )  # fmt: skip


def naive_error(answer):
    """Judge the error of p = 0.9 for a picture of a dog (label 1)."""
    _verdict(
        answer,
        lambda error: math.isclose(error, -0.1, abs_tol=1e-6),
        "Negative: the score is too low, so the update will raise it, and "
        "by little, for 0.9 is nearly right.",
        [
            (0.1, "The right size, the wrong sign: it is p minus the label."),
            (0.9, "That would be the error if the picture showed a cat."),
            (-0.9, "That is label minus p, and for a cat."),
            (-math.log(0.9), "That is the loss; the error is its slope "
             "with respect to the score."),
            (-1 / 0.9, "That is the slope with respect to p; go on through "
             "the sigmoid to the score."),
        ],
        "error = p − label.",
    )  # fmt: skip


def naive_forward_share(answer):
    """Judge which share of a training step's work the forward pass is."""
    _verdict(
        answer,
        lambda share: math.isclose(share, 1 / 3, rel_tol=0.02),
        "A third: using a network costs a third of training it. Keep that "
        "in mind for notebook 06, where most of a network is only used.",
        [
            (0.5, "Forward and backward are alike here; but the update "
             "multiplies as often once more."),
            (3, "That is how much dearer training is; you need its inverse."),
            (2 / 3, "That is the share of what you can leave out."),
            (lambda share: math.isclose(share, 100 / 3, rel_tol=0.05),
             "As a share, not in percent."),
            (1.0, "Only the forward pass is needed, yes; what share of the "
             "whole step is it?"),
        ],
        "Divide the multiplications of `forward` by those of all three.",
    )  # fmt: skip


def naive_seconds(answer, pictures_per_second, pictures, epochs=10):
    """Judge the seconds that some epochs over all pictures would take."""
    right = epochs * pictures / pictures_per_second
    _verdict(
        answer,
        float(right),
        "Every epoch shows every picture once, so the work is pictures × "
        "epochs, divided by the rate.",
        [
            (right / epochs, "That is one epoch."),
            (float(epochs * pictures), "That is how many steps there are; "
             "divide by the steps a second."),
            (float(epochs * pictures * pictures_per_second),
             "Divide by the rate: a faster machine needs less time."),
            (right / 60, "In seconds, please: these are minutes."),
            (right / 3600, "In seconds, please: these are hours."),
            (epochs * 100 / pictures_per_second,
             "That is for the 100 pictures of this notebook; take all of "
             "`pair.x_train`."),
        ],
        "Pictures times epochs, divided by pictures per second.",
    )  # fmt: skip


def batches_change_shape(answer):
    """Judge the shape of the hidden weights' change for a batch of 256."""
    _verdict(
        answer,
        (32, 3072),
        "The same shape as the weights, whatever the batch: the product has "
        "summed over its 256 pictures.",
        [
            ((3072, 32), "Transposed: `hidden_error.T` has 32 rows."),
            ((256, 32, 3072), "That would be one change for each picture; "
             "the product adds them up."),
            ((256, 3072), "That is the shape of x."),
            ((32, 256), "That is the shape of `hidden_error.T` alone."),
            ((256, 32), "That is the shape of `hidden_error` alone."),
        ],
        "A product of (a, b) and (b, c) has the shape (a, c).",
    )  # fmt: skip


def batches_updates(answer):
    """Judge the updates in an epoch of 9,000 pictures, 256 at a time."""
    _verdict(
        answer,
        36,
        "35 full batches and a smaller one: 36 updates, where one picture "
        "at a time would make 9,000.",
        [
            (35, "The last, smaller batch is an update as well."),
            (9000, "That is one update a picture."),
            (256, "That is how many pictures share an update."),
            (lambda n: 35 < n < 36, "Updates are whole: the last batch is "
             "smaller, and counts."),
            (9000 * 256, "Divide: each update takes 256 pictures."),
        ],
        "How many batches does it take to see every picture once?",
    )  # fmt: skip


def batches_roof(answer):
    """Judge the GFLOP/s of a step under a roofline: 200, 20 GB/s, 4."""
    _verdict(
        answer,
        80,
        "Memory is the limit here: below 10 FLOP per byte this machine "
        "waits for its memory.",
        [
            (200, "Only where each byte is used for 10 FLOP or more; here "
             "memory cannot deliver that fast."),
            (20, "20 GB/s are bytes; each is used for 4 FLOP."),
            (800, "More than the arithmetic allows, and more than 4 times "
             "20."),
            (5, "Multiply: every byte that arrives is used 4 times."),
            (50, "Divide nothing: bytes a second times FLOP per byte."),
            (10, "That is how many FLOP per byte it would take to reach the "
             "200."),
            (80e9, "In GFLOP/s, please."),
        ],
        "The smaller of what memory feeds and what arithmetic can do.",
    )  # fmt: skip


def framework_traces(answer):
    """Judge how often a tf.function is traced for 1, 2, 3, 2 as Python."""
    _verdict(
        answer,
        3,
        "Once for each new Python number. Pass numbers that change, such as "
        "a learning rate, as tensors: then it is traced once.",
        [
            (
                1,
                "So it would be for tensors; a Python number is built into "
                "the traced graph.",
            ),
            (4, "The second 2 finds the graph of the first one."),
            (0, "The first call always traces."),
        ],
        "Each Python number gets a graph of its own, which is kept.",
    )


def framework_bytes(answer):
    """Judge the bytes of a batch of 256 pictures as 32-bit floats."""
    right = 256 * 3072 * 4
    _verdict(
        answer,
        right,
        "3 MiB for every step. As uint8, converted on the device, it would "
        "be a quarter of that.",
        [
            (256 * 3072, "A 32-bit float takes 4 bytes, not one."),
            (256 * 3072 * 32, "32 bits are 4 bytes."),
            (256 * 3072 * 8, "8 bytes make a 64-bit float."),
            (256 * 1024 * 4, "Each pixel holds three numbers."),
            (3072 * 4, "That is one picture."),
            (3, "In bytes, please."),
        ],
        "Pictures × numbers in each × bytes of a number.",
    )


def framework_trap(answer):
    """Judge the trap behind "compiled code is a hundred times slower"."""
    _verdict(
        answer,
        lambda trap: trap.strip().casefold() in ("b", "compile time"),
        "One call, and the first one: nearly all of it went into tracing "
        "and compiling, once.",
        [
            (lambda trap: trap.strip().casefold() == "a", "The first step "
             "in eager mode warms up too, and its time was fine. What does "
             "only the compiled one do first?"),
            (lambda trap: trap.strip().casefold() == "c", "That trap makes "
             "a measurement too short, not too long."),
            (lambda trap: trap.strip().casefold() == "d", "Both steps got "
             "the same tensors; nothing was copied for one alone."),
            (lambda trap: trap.strip().casefold() == "e", "A single run is "
             "a weak measurement, but noise of a hundred times is rare."),
        ],
        "Answer with a letter, such as \"A\".",
    )  # fmt: skip


def scale_global_batch(answer):
    """Judge the global batch of 8 devices with 64 examples each."""
    _verdict(
        answer,
        512,
        "The gradient is the mean over all 512, as if one device had seen "
        "them; the learning rate should suit that batch.",
        [
            (64, "That is what one device sees."),
            (8, "That is the number of devices."),
            (16, "The devices' batches add up; each sees 64 of its own."),
            (72, "Each of the 8 devices has 64 of its own."),
        ],
        "All devices together make one update.",
    )


def scale_efficiency(answer):
    """Judge the efficiency of 8 devices that are 6 times as fast as one."""
    _verdict(
        answer,
        0.75,
        "A quarter of what you pay for is spent on waiting and talking.",
        [
            (6.0, "That is the speed-up; set it against the devices."),
            (8.0, "That is the speed-up that 8 devices have at best."),
            (75, "As a share, not in percent."),
            (0.25, "That is the share that is lost."),
            (8 / 6, "The other way round: reached by possible."),
        ],
        "Speed-up divided by the number of devices.",
    )


def scale_cost(answer, estimate):
    """Judge the price of a training that runs on twice the devices.

    estimate: the `costs.Estimate` of the run on fewer of them
    """
    _verdict(
        answer,
        float(estimate.dollars),
        "Half the time at twice the price an hour: at equal utilization "
        "money does not change, only the wait does.",
        [
            (
                float(estimate.dollars * 2),
                "Twice as many devices, yes, but for half as long.",
            ),
            (
                float(estimate.dollars / 2),
                "Half as long, yes, but on twice as many devices.",
            ),
            (
                float(estimate.dollars * 4),
                "Twice the devices, twice the price an hour: that is once "
                "a factor of two, and the hours are halved.",
            ),
        ],
        "Price an hour × devices × hours: which of them change?",
    )


def convolution_weights(answer):
    """Judge the weights of a 3 × 3 convolution, 32 to 64, without bias."""
    _verdict(
        answer,
        3 * 3 * 32 * 64,
        "Every filter looks through a 3 × 3 window at all 32 inputs.",
        [
            (3 * 3 * 32 * 64 + 64, "Almost: this one has no bias."),
            (3 * 3 * 64, "Each filter sees all 32 inputs, not one."),
            (3 * 3 * 32, "That is one filter; there are 64."),
            (3 * 3 * 3 * 64, "Its inputs are the 32 filters below, no "
             "longer the three colors."),
            (32 * 32 * 32 * 64, "The size of the picture does not count: "
             "the same window slides over all of it."),
            (3 * 32 * 64, "A window is 3 high and 3 wide."),
        ],
        "Window height × window width × inputs × filters.",
    )  # fmt: skip


def pictures_processed(answer, report):
    """Judge how many pictures a donor's training processed in all."""
    examples, epochs = report["examples"], report["recipe"]["epochs"]
    _verdict(
        answer,
        examples * epochs,
        "Pictures × epochs: that, times the work for one picture, is the "
        "donor's cost.",
        [
            (examples, "That is one epoch."),
            (epochs, "That is how often each picture was shown."),
            (examples // report["recipe"]["batch_size"] * epochs,
             "That counts the steps; a step shows a whole batch."),
            (examples + epochs, "Each epoch shows all of them: multiply."),
            (3 * examples * epochs, "Forward, backward and update are one "
             "look at a picture."),
        ],
        "Multiply the pictures by the epochs.",
    )  # fmt: skip


def narrow_the_gap(answer):
    """Judge which change does not narrow the gap of overfitting."""
    _verdict(
        answer,
        "B",
        "The few pictures are known by heart already; seeing them again "
        "teaches nothing about new ones.",
        [
            ("A", "More pictures are the best cure, and the dearest: you "
             "need the one that does *not* help."),
            ("C", "That is the cure of the next notebook: you need the one "
             "that does *not* help."),
            (lambda text: text.strip().casefold() in ("ac", "a, c", "a and c"),
             "Those two help; which one does *not*?"),
        ],
        'Answer "A", "B" or "C".',
    )  # fmt: skip


def head_weights(answer):
    """Judge the weights of a dense head, 128 features to 2 classes."""
    _verdict(
        answer,
        128 * 2 + 2,
        "That is all that training may change; the base keeps its own.",
        [
            (128 * 2, "Almost: each output has a bias as well."),
            (128 + 2, "Each output weighs each feature: multiply."),
            (128 + 1, "That is one output; there are two."),
            (32 * 32 * 3 * 2 + 2, "The head sees the base's features, not "
             "the picture."),
        ],
        "Features × outputs, and a bias for each output.",
    )  # fmt: skip


def which_control(answer):
    """Judge which control rules out that features are merely larger."""
    _verdict(
        answer,
        "unrelated",
        "A donor of equal cost and another upbringing: if size were the "
        "cause, it would do as well.",
        [
            ("random", "Nobody trained that one, so its features may well "
             "be smaller: it leaves the objection standing."),
            ("neither", "One base was trained by the same recipe and "
             "differs only in what it saw."),
            ("both", "With random weights the features may well be "
             "smaller, which leaves the objection standing."),
        ],
        'Answer "random", "unrelated" or "neither".',
    )  # fmt: skip


def break_even_tasks(answer):
    """Judge after how many tasks a donor has paid."""
    _verdict(
        answer,
        25,
        "Each task saves the difference, so that the donor's cost is "
        "divided by it.",
        [
            (1000 / 42, "The donor's tasks are cheap, but not free: take "
             "the difference."),
            (1000 / 2, "What one task *saves* is what counts."),
            (1000 / 44, "Subtract the two costs of a task; do not add them."),
            (40, "That is what one task saves; how many savings make up "
             "the donor's cost?"),
        ],
        "Divide the donor's cost by what one task saves.",
    )  # fmt: skip


def forget_share(answer):
    """Judge which share of a loss was avoided: 0.87, 0.80 and 0.85."""
    _verdict(
        answer,
        5 / 7,
        "Five of seven points: the rest is the price of moving at all.",
        [
            (0.85 - 0.80, "Those are the points that were saved; set them "
             "against the points that would have been lost."),
            (0.87 - 0.80, "That is what the wrong way loses; which share of "
             "it did care save?"),
            (2 / 7, "That is the share that was lost all the same."),
            (0.85 / 0.87, "That is what is left of the skill; ask about the "
             "loss."),
            (7 / 5, "The other way round: saved by lost."),
            (500 / 7, "As a share, not in percent."),
        ],
        "Points saved, divided by the points that the wrong way loses.",
    )  # fmt: skip


def forget_top_block(answer):
    """Judge the trainable weights of the base's topmost block."""
    convolutions = 9 * 64 * 128 + 9 * 128 * 128
    _verdict(
        answer,
        convolutions + 4 * 128,
        "Most of the base's weights are in its top block, so that opening "
        "this one alone frees most of them.",
        [
            (convolutions, "Batch normalization trains a scale and a shift "
             "for each filter as well."),
            (convolutions + 2 * 128, "Both convolutions are followed by "
             "batch normalization."),
            (convolutions + 8 * 128, "The running means and variances are "
             "not trained by gradients."),
            (convolutions + 6 * 128, "These convolutions have no bias."),
            (2 * 9 * 128 * 128 + 4 * 128, "The first of the two has 64 "
             "inputs."),
            (9 * 64 * 128 + 2 * 128, "That is the first convolution; there "
             "are two."),
            (64 * 128 + 128 * 128 + 4 * 128, "A window has 3 × 3 places."),
        ],
        "Window × inputs × filters for each convolution, and two for each "
        "filter.",
    )  # fmt: skip


def forget_three_classes(answer):
    """Judge the balanced accuracy of a head without a word for cats."""
    _verdict(
        answer,
        0.56,
        "Two thirds at best: what has no output is never right.",
        [
            (0.84, "That is right for dogs and foxes; cats count as well."),
            (0.42, "Dogs and foxes both count, and cats beside them: three."),
            (1.68, "That is the sum; balanced accuracy is the mean of "
             "three."),
            (2 / 3, "It would be, if it were always right on dogs and "
             "foxes."),
            (lambda share: math.isclose(share, (1 / 2 + 1.68) / 3,
             rel_tol=0.01), "It cannot guess cat, not even by chance."),
            (56, "As a share, not in percent."),
        ],
        "The mean of what is right among cats, among dogs, among foxes.",
    )  # fmt: skip


def forget_fox_score(answer):
    """Judge the fox's joined score from cat 4, dog 1 and dog 2, fox 3."""
    _verdict(
        answer,
        2,
        "One above the dog, for both heads. The picture shows a cat, for 4 "
        "is the highest of the three.",
        [
            (3, "The new head's scores start from another zero: only the "
             "distance to the dog counts."),
            (1, "That is how far the fox stands above the dog; the dog's "
             "own score comes on top."),
            (4, "Take the dog's score of the new head off again."),
            (0, "The fox stands above the dog, not below."),
            (5, "The fox is measured from the dog, not from the cat."),
        ],
        "The dog's old score, plus how far the new head has fox above dog.",
    )  # fmt: skip


def upsampled_positions(answer):
    """Judge how many times as many positions 96 pixels have as 32."""
    _verdict(
        answer,
        9,
        "Three times as high and three times as wide, so that every picture "
        "costs nine times as much. That is why we compute features once.",
        [
            (3, "That is one side; a picture has two."),
            (6, "Height and width multiply; they do not add up."),
            (27, "The colors stay three: only height and width grow."),
            (64, "That is how many pixels each side gains."),
            (1 / 9, "The other way round: as many *times* as before."),
        ],
        "(96 / 32) in height, and as much in width.",
    )


def leak_or_transfer(answer):
    """Judge which measurement shows that the backbone knew foxes before."""
    _verdict(
        answer,
        "A",
        "It names foxes before we show it any: whatever it does with ten of "
        "them, it did not learn foxes from ten.",
        [
            ("B", "That one shows the opposite: its features help where "
             "nothing can have leaked."),
            ("C", "A high accuracy fits both stories; it decides nothing."),
            ("D", "That is about our donor, the one that never saw a fox."),
        ],
        'Answer "A", "B", "C" or "D".',
    )  # fmt: skip


def own_interval(answer):
    """Judge the half width of an interval: 36 of 40 test pictures right."""
    error = (0.9 * 0.1 / 40) ** 0.5
    _verdict(
        answer,
        lambda half: abs(half - 1.96 * error) < 0.004,
        "Nearly ten points either way: two models that differ by less cannot "
        "be told apart by forty pictures.",
        [
            (
                lambda half: abs(half - error) < 0.002,
                "That is one standard error; 95 % reach 1.96 of them.",
            ),
            (
                lambda half: abs(half - 2 * 1.96 * error) < 0.005,
                "That is the whole width; half of it lies on each side.",
            ),
            (
                lambda half: abs(half - 1.96 * error**2) < 0.001,
                "Take the square root: that is the variance.",
            ),
            (
                lambda half: abs(half - 1.96 * 0.3) < 0.02,
                "That is the spread of one picture; a mean of 40 spreads "
                "less, by the square root of 40.",
            ),
            (
                lambda half: 5 < half < 12,
                "As a share, not in percent.",
            ),
        ],
        "1.96 × the square root of p (1 − p) / n.",
    )


def safe_file(answer):
    """Judge which model file of a stranger may be opened."""
    _verdict(
        answer,
        "fox.keras",
        "It holds settings and numbers, and safe mode refuses code. Whether "
        "it is a good model is another question.",
        [
            ("fox.pkl", "A pickle is a program: it may run anything the "
             "moment it is opened."),
            ("fox.pt", "A .pt file is a pickle inside, unless whoever opens "
             "it restricts the reader."),
            ("fox.h5", "An old .h5 model may hold a layer with code of its "
             "own, and no safe mode stands before it."),
            ("all", "Three of them may run a stranger's code."),
            ("none", "One of them holds numbers alone, and is read with "
             "safe mode on."),
        ],
        "Name one of the files as text.",
    )  # fmt: skip


def flaw_trainable(answer):
    """Judge how many weights a fine-tuning of a frozen base changes."""
    head, base, above = 128 * 2 + 2, 288_352, 277_248
    _verdict(
        answer,
        head,
        "The head's alone. The base was frozen as a whole, and freezing a "
        "part of it once more unfreezes nothing.",
        [
            (lambda n: n in (above, above + head), "That is what the author "
             "meant to train. Ask the network: transfer.count_trainable."),
            (lambda n: n in (base, base + head), "That counts all weights. "
             "Which of them may training change?"),
            (base - above, "That is about the part which the loop freezes."),
            (2, "Those are two arrays, the head's weights and biases: how "
             "many single weights do they hold?"),
            (128 * 2, "Almost: each output has a bias as well."),
            (0, "The head still learns; that is why the accuracy moves."),
        ],
        "transfer.count_trainable(network) counts what training may change.",
    )  # fmt: skip


def flaw_sigmoid(answer):
    """Judge which line gives every picture the same name."""
    _verdict(
        answer,
        "E",
        "The head ends in a sigmoid already. A second one turns 0 to 1 into "
        "one half to 0.73, and so all pictures get the second name.",
        [
            ("A", "One output with a sigmoid, the probability of the second "
             "class, is a sound head for two classes."),
            ("B", "This loss expects probabilities, and the head gives "
             "them; the test accuracy is fine."),
            ("C", "It learned well, as the test accuracy shows: look at what "
             "happens to the outputs afterwards."),
            ("D", "These outputs lie between 0 and 1, as they should. What "
             "happens to them next?"),
            ("F", "One half is the right threshold for probabilities. Are "
             "these still probabilities? Print the smallest."),
        ],
        'Answer with the letter of one line, such as "A".',
    )  # fmt: skip


def flaw_reshuffle(answer):
    """Judge which line lets training pictures into the test."""
    _verdict(
        answer,
        "C",
        "It starts a second pass, and each pass has an order of its own: "
        "most of what follows the 300 was trained on.",
        [
            ("A", "To mix pictures before a split is right; the question is "
             "how often they are mixed."),
            ("B", "300 pictures of one pass, none of them twice: that is a "
             "sound training set. What does it share with the test?"),
            ("D", "It fits on the training part alone. Is the test part "
             "another one? Compare the two lists."),
            ("E", "It scores on the test part alone. Is that part new to "
             "the model? Compare the two lists."),
            (lambda text: set(text.casefold()) - set(" ,and") == set("bc"),
             "Together, yes; one of them would do no harm if the other went "
             "on in the same pass. Which one starts anew?"),
        ],
        'Answer with the letter of one line, such as "A".',
    )  # fmt: skip


def flaw_cache(answer):
    """Judge how many versions of a batch ten cached epochs show."""
    _verdict(
        answer,
        1,
        "Augmented once, kept for ever: the same pictures ten times, only "
        "crooked.",
        [
            (10, "That is what the author meant. Collect what the cache "
             "returns in a set, and count again."),
            (2, "That is how many batches there are; how many versions of "
             "the first one?"),
            (20, "Batches times epochs; how many *different* ones are there "
             "of the first batch?"),
            (0, "The pictures were moved once, before they were kept: that "
             "is a version."),
            (50, "That is how many pictures the batch holds."),
        ],
        "len({cached[0][0].tobytes() for _ in range(10)}) counts them.",
    )  # fmt: skip


def flaw_expected(answer):
    """Judge the honest accuracy on shuffled labels of two equal classes."""
    _verdict(
        answer,
        0.5,
        "There is nothing to know, so a coin does as well. Whatever a rule "
        "reports above that, on average, it made up.",
        [
            (50, "As a share, not in percent."),
            (0.0, "Always wrong would be as good as always right: one would "
             "turn the answers round."),
            (1.0, "That would take knowledge of the labels; shuffling "
             "removed it."),
            (0.25, "There are two classes, not four."),
            (lambda n: 0.5 < n < 1, "On one draw luck may give that. And on "
             "average?"),
        ],
        "What does a coin get?",
    )  # fmt: skip
